/**
 * Features as the by-type functions name them.
 *
 * @module
 */

/** A class, as the by-type functions take it. Subclasses match. */
export type FeatureType<T = object> = abstract new (...args: never[]) => T;
