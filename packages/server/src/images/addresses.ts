import ipaddr from 'ipaddr.js';

/**
 * Whether an IP address is one of the public internet: not of this machine, a private network, a link, a group or a reserved
 * range. IPv6 addresses that carry an IPv4 address are as public as that.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  return ipaddr.process(address).range() === 'unicast'; // `process` unwraps IPv4-mapped addresses
}
