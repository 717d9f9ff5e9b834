#!/bin/bash
# Writes the digest of each image behind its tag, in compose.yaml and the Containerfiles; run it again for newer images
# of the same tags. Needs docker with buildx, and the registry.
set -euo pipefail
cd "$(dirname "$0")"
files=(compose.yaml Containerfile compose/pgbouncer.Containerfile)
for image in $(sed -nE 's/^(FROM|  image:|    image:) ([a-z0-9./-]+:[A-Za-z0-9._-]+)(@sha256:[0-9a-f]+)?$/\2/p' "${files[@]}" | sort -u); do
    digest=$(docker buildx imagetools inspect "$image" --format '{{.Manifest.Digest}}')
    if [[ ! $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
        echo "The registry did not answer with a digest of $image: $digest" >&2
        exit 1
    fi
    sed -i -E "s#^(FROM|  image:|    image:) ${image//./\\.}(@sha256:[0-9a-f]+)?\$#\1 $image@$digest#" "${files[@]}"
    echo "$image $digest"
done
