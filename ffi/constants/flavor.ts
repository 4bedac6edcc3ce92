/** Numbers that the compiler tells apart by the family they are of. */

/**
 * Says of a number which family of constants it is of: `number & Flavor<"CKM">` takes {@linkcode CKM} and plain numbers,
 * and refuses what is flavored otherwise, such as {@linkcode CKK}.
 */
export interface Flavor<N extends string> {
  /** The family: only ever a type, no value has it. */
  readonly "family of constants"?: N | undefined;
}

/** The type of a mechanism: a {@linkcode CKM} number, or a vendor's own. */
export type MechanismType = number & Flavor<"CKM">;

/** The type of an attribute: a {@linkcode CKA} number, or a vendor's own. */
export type AttributeType = number & Flavor<"CKA">;

/** The class of an object: a {@linkcode CKO} number, or a vendor's own. */
export type ObjectClass = number & Flavor<"CKO">;

/** The type of a key: a {@linkcode CKK} number, or a vendor's own. */
export type KeyType = number & Flavor<"CKK">;

/** Who logs in: a {@linkcode CKU} number, or a vendor's own. */
export type UserType = number & Flavor<"CKU">;
