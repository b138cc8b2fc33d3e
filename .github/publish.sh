#!/usr/bin/env bash
# Publishes the packages whose versions the registry does not have yet. Provenance needs the address of the repository in
# each package.json, and that of the running workflow is the true one, in forks too.
set -euo pipefail
cd "$(dirname "$0")/.."
for package in packages/* native/*; do
  (cd "$package" && npm pkg set repository.type=git "repository.directory=$package" \
    "repository.url=git+$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git")
done
pnpm exec changeset publish
