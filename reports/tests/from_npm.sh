# shellcheck shell=bash
# What others have published and is not kept here: one file of an npm package, of a version and a digest that are
# written down. Sourced by the tests beside this file.

# from_npm CACHE PACKAGE VERSION FILE SHA256: prints where the file is, and brings it there once. Fails where it is
# not at hand and cannot be fetched.
from_npm() {
    local cache=$1 package=$2 version=$3 file=$4 digest=$5 fetched
    local kept=$cache/${package//\//-}-$version-${file##*/}
    if ! echo "$digest  $kept" | sha256sum --check --status 2>/dev/null; then
        command -v npm >/dev/null || return 1
        mkdir -p "$cache"
        fetched=$(mktemp -d "$cache/XXXXXX")
        (cd "$fetched" && timeout 30 npm pack --silent --fetch-retries=0 "$package@$version" >/dev/null 2>&1 &&
            tar xzf ./*.tgz "package/$file" && echo "$digest  package/$file" | sha256sum --check --status &&
            mv "package/$file" "$kept")
        rm -rf "$fetched"
    fi
    [ -f "$kept" ] && echo "$kept"
}
