import { parseSync } from '@swc/core';

export interface Import {
  /** What is imported; undefined when an `import()` computes it. */
  readonly from: string | undefined;
  readonly kind: 'static' | 'dynamic' | 'type';
}

type Json = { readonly [key: string]: unknown };

const isNode = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const literal = (value: unknown): string | undefined =>
  isNode(value) && value.type === 'StringLiteral' ? String(value.value) : undefined;

/** Every import of a TypeScript source: declarations, re-exports, `import()`, `require` and `import('…')` in types. */
export function importsOf(source: string): Import[] {
  const found: Import[] = [];
  const visit = (value: unknown): void => {
    if (!isNode(value)) return;
    const one = importOf(value);
    if (one) found.push(one);
    Object.values(value).forEach(visit); // of an array, its elements
  };
  visit(parseSync(source, { syntax: 'typescript', target: 'es2022', decorators: true }));
  return found;
}

function importOf(node: Json): Import | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration': {
      const from = literal(node.source);
      return from === undefined ? undefined : { from, kind: node.typeOnly ? 'type' : 'static' };
    }
    case 'TsImportType':
      return { from: literal(node.argument), kind: 'type' };
    case 'TsExternalModuleReference':
      return { from: literal(node.expression), kind: 'static' };
    case 'CallExpression':
      return importOfCall(node);
    default:
      return undefined;
  }
}

function importOfCall({ callee, arguments: args }: Json): Import | undefined {
  const first = Array.isArray(args) && isNode(args[0]) ? literal(args[0].expression) : undefined;
  if (!isNode(callee)) return undefined;
  if (callee.type === 'Import') return { from: first, kind: 'dynamic' };
  const isRequire = callee.type === 'Identifier' && callee.value === 'require';
  return isRequire && first !== undefined ? { from: first, kind: 'static' } : undefined;
}
