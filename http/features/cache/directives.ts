/** Cache-Control and the header fields a cache compares. */

/** The directives of a Cache-Control field: names in lower case, `true` for those without a value. */
export type CacheDirectives = ReadonlyMap<string, string | true>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads a Cache-Control field (RFC 9111 §5.2); of repeated directives the first counts, malformed ones are dropped. */
export function parseCacheControl(field: string | null | undefined): CacheDirectives {
  const directives = new Map<string, string | true>();
  for (const part of field ? splitAtCommas(field) : []) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? true : unquoted(part.slice(equals + 1).trim());
    if (TOKEN.test(name) && value !== null && !directives.has(name)) directives.set(name, value);
  }
  return directives;
}

/** The parts of a list; quoted strings may hold commas. Steps through each character once, whatever a server sends. */
function splitAtCommas(field: string): string[] {
  const parts: string[] = [];
  let quoted = false;
  let start = 0;
  for (let index = 0; index < field.length; index++) {
    const char = field[index];
    if (char === '"') quoted = !quoted;
    else if (quoted && char === "\\") index++;
    else if (!quoted && char === ",") {
      parts.push(field.slice(start, index));
      start = index + 1;
    }
  }
  parts.push(field.slice(start));
  return parts;
}

/** A value without its quotes; `null` when it is neither a quoted string nor free of what separates directives. */
function unquoted(value: string): string | null {
  if (!value.startsWith('"')) return /[\s,;"]/.test(value) ? null : value;
  return value.length > 1 && value.endsWith('"') ? value.slice(1, -1).replace(/\\(.)/gs, "$1") : null;
}

/** Writes directives as the library reads them: in lower case, each once, without quotes or commas in values. */
export function formatCacheControl(directives: CacheDirectives): string {
  const parts: string[] = [];
  for (const [name, value] of directives) parts.push(value === true ? name : `${name}=${value.replaceAll(",", " ")}`);
  return parts.join(", ");
}

/** The seconds of a directive; `null` when it is missing, 0 when it is malformed. */
export function secondsOf(directives: CacheDirectives, name: string): number | null {
  const value = directives.get(name);
  if (value === undefined) return null;
  return typeof value === "string" && /^[0-9]+$/.test(value) ? Number(value) : 0;
}

/** Header fields as the library takes them: lower-case names, one value each. */
export type FieldRecord = Record<string, string>;

/** The fields of a `Headers` object; a repeated field is joined as its class joins it. */
export function toRecord(headers: Headers): FieldRecord {
  const record: FieldRecord = Object.create(null) as FieldRecord;
  for (const [name, value] of headers) record[name] = name in record ? `${record[name]}, ${value}` : value;
  return record;
}

/** The names in a Vary field; `null` for "*", which no later request can match (RFC 9111 §4.1). */
export function varyNames(field: string | null | undefined): string[] | null {
  const names = (field ?? "").toLowerCase().split(",").map((name) => name.trim()).filter((name) => name !== "");
  return names.includes("*") ? null : [...new Set(names)].sort();
}

/** A field value for comparison: white space around commas makes no difference. */
export function normalizedValue(value: string | undefined): string | null {
  return value === undefined ? null : value.split(",").map((part) => part.trim().replace(/\s+/g, " ")).join(",");
}
