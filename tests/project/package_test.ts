import { assert } from "@std/assert";
import { it } from "node:test";

it("x", () => assert(true));
