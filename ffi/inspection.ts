/** How the classes of this floor show themselves: what they are, never what their memory holds. */
import { counted, fact, inspectable, inspectableError, quoted } from "../internal/inspection.ts";
import { AttributeQuery } from "./attributes/attribute_query.ts";
import { Block } from "./memory/block.ts";
import { OutputParameter, StructParameter, UlongParameter } from "./memory/mechanisms.ts";
import { BoundFunction, Cryptoki, NotCryptokiError } from "./tables/cryptoki.ts";
import { P11Kit } from "./tables/p11_kit.ts";
import { WorkerPool } from "./workers/worker_pool.ts";

inspectable(AttributeQuery, "AttributeQuery");
inspectable(Block, "Block", ({ bytes }) => [fact("size", bytes.byteLength, counted(bytes.byteLength, "byte"))]);
inspectable(BoundFunction, "BoundFunction", ({ name }) => [fact("name", name, name)]);
inspectable(Cryptoki, "Cryptoki", ({ path, version }) => [
  fact("path", path, path === null ? "without a library" : quoted(path)),
  fact("version", { ...version }, `${version.major}.${version.minor}`),
]);
inspectable(OutputParameter, "OutputParameter");
inspectable(P11Kit, "P11Kit", ({ path }) => [fact("path", path, quoted(path))]);
inspectable(StructParameter, "StructParameter");
inspectable(UlongParameter, "UlongParameter");
inspectable(WorkerPool, "WorkerPool", ({ threads }) => [fact("threads", threads, counted(threads, "thread"))]);

inspectableError(NotCryptokiError);
