export { type MpiCommunicator, type MpiOptions, openMpi, type Traffic } from './communicator.js';
export { MissingRankError, PeerError } from './peers.js';
