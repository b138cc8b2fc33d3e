import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../run.js';
import { type Package, root } from '../workspace.js';

/**
 * Packs every package as it would be published, into `folder`; name -> tarball. The packages must have been built.
 * @param workspace the folder of another checkout, to pack its packages
 */
export async function packAll(
  packages: readonly Package[],
  folder: string,
  workspace = root,
): Promise<Map<string, string>> {
  const file = join(workspace, 'package.json');
  const { packageManager } = JSON.parse(readFileSync(file, 'utf8')) as { packageManager: string };
  const args = ['-y', packageManager, '-r', '--filter', './packages/*', 'pack', '--pack-destination', folder];
  const { code, output } = await run('npx', args, { cwd: workspace });
  if (code !== 0) throw new Error(`The packages could not be packed: ${output}`);
  const tarballs = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  return new Map(
    packages.map(({ manifest: { name } }) => {
      const prefix = `${name.replace('@', '').replace('/', '-')}-`;
      const file = tarballs.find((tarball) => tarball.startsWith(prefix) && /^\d/.test(tarball.slice(prefix.length)));
      if (!file) throw new Error(`No tarball of ${name} was written to ${folder}.`);
      return [name, join(folder, file)];
    }),
  );
}
