import { type Emoji, readPackageJson } from './entries.js';
import { packages, type Vendor } from './vendors.js';

interface IconSet {
  width?: number;
  height?: number;
  icons: Record<string, { body: string; width?: number; height?: number; left?: number; top?: number }>;
}

/** Returns an emoji's drawing as an SVG document whose longer side is `size` pixels. */
export type Drawer = (entry: Emoji, size: number) => string;

/**
 * Opens a vendor's drawings. The largest package is 100 MB of JSON: release the result early.
 * @returns a function that throws where the package lacks an icon
 */
export function openVendor(vendor: Vendor): Drawer {
  const set = readPackageJson<IconSet>(`${packages[vendor]}/icons.json`);
  return (entry, size) => {
    const icon = set.icons[entry.vendors[vendor]];
    if (!icon)
      throw new Error(`${packages[vendor]} has no icon '${entry.vendors[vendor]}': install its pinned version.`);
    const box = [icon.left ?? 0, icon.top ?? 0, icon.width ?? set.width ?? 16, icon.height ?? set.height ?? 16];
    const names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
    return `<svg ${names} viewBox="${box.join(' ')}" width="${size}" height="${size}">${icon.body}</svg>`;
  };
}
