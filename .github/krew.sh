#!/usr/bin/env bash
# Prints the manifest with which krew installs jethook as `kubectl jethook`.
#
#   krew.sh VERSION REPOSITORY FOLDER
#
# FOLDER holds the archives of the release, whose digests go into the manifest.
set -euo pipefail
version=$1 repository=$2 folder=$3
cat <<TEXT
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: jethook
spec:
  version: v$version
  homepage: $repository
  shortDescription: Look after webhooks that are stored in NATS JetStream
  description: |
    Checks all that the operator needs, shows endpoints with their conditions and outcomes, judges manifests of
    WebhookEndpoints without a cluster, lists the known providers, signs and sends test deliveries as a provider
    would, shows events as they arrive in the stream, and stores again what consumers gave up.
  platforms:
TEXT
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
  archive=jethook_${version}_${platform/\//_}.tar.gz
  digest=$(if command -v sha256sum >/dev/null; then sha256sum "$folder/$archive"; else shasum -a 256 "$folder/$archive"; fi)
  cat <<TEXT
    - selector:
        matchLabels: {os: ${platform%/*}, arch: ${platform#*/}}
      uri: $repository/releases/download/v$version/$archive
      sha256: ${digest%% *}
      files:
        - {from: jethook, to: kubectl-jethook}
        - {from: LICENSE, to: .}
      bin: kubectl-jethook
TEXT
done
