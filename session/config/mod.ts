export { ConfigurationError } from "./error.ts";
export { defaultPaths, loadConfiguration } from "./load.ts";
export type { Configuration, ConfigurationPaths, LoadConfigurationOptions } from "./load.ts";
export { registeredModules } from "./registered.ts";
export type { RegisteredModule, RegisteredModuleFilter } from "./registered.ts";
