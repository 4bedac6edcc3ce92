export {
  type Configuration,
  type ConfigurationPaths,
  defaultPaths,
  loadConfiguration,
  type LoadConfigurationOptions,
} from "./load.ts";
export { type RegisteredModule, type RegisteredModuleFilter, registeredModules } from "./registered.ts";
