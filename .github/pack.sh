#!/usr/bin/env bash
# Packs a binary and the licence as dist/NAME.tar.gz, the same bytes for the same input.
#
#   pack.sh BINARY NAME
set -euo pipefail
binary=$1 name=$2
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
install -m 755 "$binary" "$stage/jethook"
install -m 644 LICENSE "$stage/LICENSE"
touch -t 202001010000 "$stage"/*
mkdir -p dist
# The options that both GNU's and BSD's tar have; neither stores the time of packing with `gzip -n`.
tar -C "$stage" -cf - LICENSE jethook | gzip -n >"dist/$name.tar.gz"
