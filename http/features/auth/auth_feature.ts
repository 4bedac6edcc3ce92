/**
 * What messages that must not be authenticated switch off, known to schemes without knowing the manager.
 *
 * @module
 */

/** Base of the AuthManager. */
export abstract class AuthFeature {}
