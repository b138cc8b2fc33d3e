export { type Hosts, makeHosts } from './hosts.js';
export { type Launched, type Launcher, launch, launchers } from './launch.js';
