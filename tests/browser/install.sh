#!/bin/sh
# Chromium and its driver for the tests of the HTML page, from the Debian packages of that name.
# Where they cannot be installed the tests are skipped; in CI they fail.
command -v chromium >/dev/null && command -v chromedriver >/dev/null && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no Chromium: the browser tests will be skipped (packages chromium, chromium-driver)"
    exit 0
fi
echo "installing Chromium for the browser tests"
log=$(mktemp)
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
    --no-install-recommends chromium chromium-driver; } >"$log" 2>&1; then
    echo "Chromium could not be installed: see $log" >&2
else
    rm -f "$log"
fi
