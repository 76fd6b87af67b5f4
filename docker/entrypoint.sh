#!/bin/sh
# A file in /run/secrets is the setting of its name, so that no secret stands in the image or in `docker inspect`.
set -eu
for file in "${SECRETS:-/run/secrets}"/*; do
  if [ -f "$file" ]; then
    export "$(basename "$file")=$(cat "$file")"
  fi
done
exec storykeeper "$@"
