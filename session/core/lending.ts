/** What is lent to functions while they run, to know calls that would wait for what those around them hold. */
import type { AsyncLocalStorage } from "node:async_hooks";
import { builtin } from "../../internal/builtin_modules.ts";

/** Something that is lent to a function, and the loan to the function around that one. */
interface Loan {
  readonly lent: object;
  readonly outer: Loan | null;
  isOver: boolean;
}

/** The loan to the function that runs; made with the first. */
let current: AsyncLocalStorage<Loan> | null = null;

/** Lends something to a function until its promise has settled. */
export async function lendTo<L extends object, T>(lent: L, work: (lent: L) => T | PromiseLike<T>): Promise<T> {
  current ??= new builtin.asyncHooks.AsyncLocalStorage();
  const loan: Loan = { lent, outer: current.getStore() ?? null, isOver: false };
  try {
    return await current.run(loan, work, lent);
  } finally {
    loan.isOver = true;
  }
}

/** What is lent to the functions within which this is asked. */
export function lentHere(): ReadonlySet<object> {
  const lent = new Set<object>();
  for (let loan = current?.getStore() ?? null; loan !== null; loan = loan.outer) {
    if (!loan.isOver) lent.add(loan.lent);
  }
  return lent;
}
