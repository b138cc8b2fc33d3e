import { Converter, ReflectionKind } from 'typedoc';
import { entries } from './typedoc.config.js';

/** A plugin of typedoc that gives each module the name under which it is imported, in place of the path of its file. */
export function load(app) {
  const names = new Map([...entries].map(([name, file]) => [file.replaceAll('\\', '/'), name]));
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.kind !== ReflectionKind.Module) return;
    const [source] = context.getSymbolFromReflection(reflection)?.declarations ?? [];
    const name = source && names.get(source.getSourceFile().fileName);
    if (name) reflection.name = name;
  });
}
