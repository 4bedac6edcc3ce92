import { assert, assertEquals } from "@std/assert";
import { describe, it } from "node:test";
import { lateBase } from "../../internal/builtin_modules.ts";

describe("a class that is found late", () => {
  class Found {
    readonly given: string;

    constructor(given: string) {
      this.given = given;
    }

    greet(): string {
      return `found ${this.given}`;
    }
  }

  it("is looked for with the first object, and is what its heirs extend from then on", () => {
    let searches = 0;
    const Late = lateBase<typeof Found>(() => (searches++, Found));
    class Heir extends Late {
      readonly own = 1;

      override greet(): string {
        return `heir of ${super.greet()}`;
      }
    }
    class Grandchild extends Heir {}
    class Other extends Late {}
    assertEquals(searches, 0);

    const first = new Grandchild("a");
    assertEquals([first.greet(), first.own, Object.getPrototypeOf(Heir)], ["heir of found a", 1, Found]);
    assert(first instanceof Grandchild && first instanceof Found);
    assertEquals([new Heir("b").greet(), new Grandchild("c").greet()], ["heir of found b", "heir of found c"]);
    assertEquals([new Other("d").greet(), searches], ["found d", 2]);
  });
});
