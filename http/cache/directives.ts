/** Cache-Control and the header fields a cache compares. */

/** The directives of a Cache-Control field: names in lower case, `true` for those without a value. */
export type CacheDirectives = ReadonlyMap<string, string | true>;

const DIRECTIVE =
  /\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?\s*(?:,|$)|[^,]*(?:,|$)/gy;

/** Reads a Cache-Control field (RFC 9111 §5.2); of repeated directives the first counts, malformed ones are dropped. */
export function parseCacheControl(field: string | null | undefined): CacheDirectives {
  const directives = new Map<string, string | true>();
  if (!field) return directives;
  DIRECTIVE.lastIndex = 0;
  while (DIRECTIVE.lastIndex < field.length) {
    const match = DIRECTIVE.exec(field);
    if (!match) break;
    const name = match[1]?.toLowerCase();
    if (name === undefined || directives.has(name)) continue;
    directives.set(name, match[2]?.replace(/\\(.)/g, "$1") ?? match[3] ?? true);
  }
  return directives;
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
  return value === undefined ? null : value.trim().replace(/\s*,\s*/g, ",").replace(/\s+/g, " ");
}
