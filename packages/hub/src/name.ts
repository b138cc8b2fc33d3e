/** The name of a model on the hub. */
export interface HubName {
  /** `org/name`, or `name` alone for a few old models. */
  readonly repo: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const PART = /^\w(?:[\w.-]{0,94}\w)?$/;
const FILE = /\.(safetensors|bin|pth|pt|json|gguf)$/;

/** Parses `org/name` or `name`, optionally with `@revision`; undefined for what can only be a path. */
export function hubName(text: string): HubName | undefined {
  const [repo = '', revision = 'main', ...rest] = text.split('@');
  const parts = repo.split('/');
  const named = parts.length <= 2 && parts.every((part) => PART.test(part)) && !/--|\.\.|\.git$/.test(repo);
  const valid = named && rest.length === 0 && isRevision(revision) && !(parts.length === 1 && FILE.test(repo));
  return valid ? { repo, revision } : undefined;
}

/** Whether a text is a valid revision; it becomes a path below `refs`. */
const isRevision = (text: string): boolean =>
  text.length <= 200 && text.split('/').every((part) => /^[\w][\w.+-]*$/.test(part) && !part.includes('..'));

/** Whether a revision is a full commit hash, which never changes. */
export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text);

/** Formats a name, without the default revision. */
export const nameOf = ({ repo, revision }: HubName): string => (revision === 'main' ? repo : `${repo}@${revision}`);
