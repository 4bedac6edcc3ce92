/**
 * The base class of AuthManager. Messages that must not be authenticated disable it, so that a scheme need not import
 * the manager.
 *
 * @module
 */

/** Base of the AuthManager. */
export abstract class AuthFeature {}
