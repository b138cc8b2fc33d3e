import { register } from 'node:module';

// Resolves @blip2/demo from a folder without node_modules, as where the package is not installed.
const hook = `export const resolve = (specifier, context, next) =>
  next(specifier, specifier === '@blip2/demo' ? { ...context, parentURL: 'file:///nowhere/main.js' } : context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
