#!/usr/bin/env bash
# The steps of the Dockerfile. They install packages and add an architecture to apt, so they want a
# throw-away Debian 12 and root. TARGETARCH (amd64 or arm64) is what the image is for; when this
# machine is another one, Debian's cross compiler does it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=${TARGETARCH:?amd64 or arm64}
case "$target" in
  amd64) processor=x86_64 ;;
  arm64) processor=aarch64 ;;
  *) echo "build.sh: there is no image for \"$target\", only for amd64 and arm64" >&2; exit 1 ;;
esac
triplet=$processor-linux-gnu
crosses=false
[ "$target" = "$(dpkg --print-architecture)" ] || crosses=true
work=/var/tmp/fedwave-image
curl_prefix=$work/curl
root=$work/root

# What `./dev deps build` installs, from there.
build_packages() {
  local BUILD_PACKAGES
  eval "$(sed -n '/^BUILD_PACKAGES=(/,/)$/p' dev)"
  echo "${BUILD_PACKAGES[@]}"
}

# What is installed: tools for this machine, libraries for the target. One on each line.
packages_for_target() {
  local wanted=(dpkg-dev libnghttp2-dev)
  if $crosses; then wanted+=("g++-${triplet//_/-}"); fi
  # shellcheck disable=SC2046
  apt-cache show --no-all-versions "${wanted[@]}" $(build_packages) | awk -v target="$target" '
    /^Package: / { package = $2 }
    /^Architecture: / && !(package in seen) {
      seen[package] = 1
      print package ~ /-dev$/ && $2 != "all" ? package ":" target : package
    }'
}

packages() {
  # For libcurl's source, with Debian's patches.
  sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources
  if $crosses; then dpkg --add-architecture "$target"; fi
  apt-get update
  packages_for_target | DEBIAN_FRONTEND=noninteractive xargs -r \
    apt-get install -y --no-install-recommends
}

# cmake with what every configuration here has in common.
configure() {
  local options=(-G Ninja -DCMAKE_BUILD_TYPE=Release)
  if $crosses; then
    options+=(-DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$processor"
      "-DCMAKE_C_COMPILER=$triplet-gcc" "-DCMAKE_CXX_COMPILER=$triplet-g++"
      "-DCMAKE_LIBRARY_ARCHITECTURE=$triplet")
  fi
  PKG_CONFIG_LIBDIR=/usr/lib/$triplet/pkgconfig:/usr/share/pkgconfig cmake "${options[@]}" "$@"
}

# Debian's libcurl brings Kerberos, LDAP, SSH, RTMP and GnuTLS along, thirty libraries in all. This is
# the same source with HTTP and TLS only, to be linked into the program.
libcurl() {
  mkdir -p "$work"
  (cd "$work" && apt-get source curl)
  # Whether poll() works cannot be tried out when crossing; on Linux it does.
  configure -S "$work"/curl-[0-9]*/ -B "$work/curl-build" -DCMAKE_INSTALL_PREFIX="$curl_prefix" \
    -DBUILD_SHARED_LIBS=OFF -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DENABLE_MANUAL=OFF \
    -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DUSE_NGHTTP2=ON -DCURL_CA_PATH=none \
    -DCURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt -DHAVE_POLL_FINE=ON \
    -DCURL_ZLIB=OFF -DCURL_BROTLI=OFF -DCURL_ZSTD=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF \
    -DCURL_USE_LIBSSH2=OFF -DCURL_USE_GSSAPI=OFF
  cmake --build "$work/curl-build" --target install
}

program() {
  configure -S . -B "$work/build" -DFEDWAVE_TESTS=OFF -DCMAKE_PREFIX_PATH="$curl_prefix" \
    -DCMAKE_EXE_LINKER_FLAGS=-Wl,--as-needed,-z,now
  cmake --build "$work/build" --target fedwave
}

# The libraries that an ELF file names, and those that they name, as files of the target. Without the
# loader, which is there before them.
libraries_of() {
  local name path
  for name in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case "$name" in ld-linux*) continue ;; esac
    [ -z "${seen[$name]:-}" ] || continue
    path=$(find "/usr/lib/$triplet" "/lib/$triplet" -name "$name" -print -quit)
    [ -n "$path" ] || { echo "build.sh: $1 needs $name, which is not there" >&2; exit 1; }
    seen[$name]=$path
    libraries_of "$path"
  done
}

# dpkg knows a library by its real name, with or without the /usr that /lib is a link into.
package_of() {
  local path
  path=$(realpath "$1")
  { dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "${path#/usr}"; } | sed 's/: .*//'
}

# The package's terms and, for scanners that look for known holes, its version.
tell_package() {
  local package=$1 name=${1%%:*}
  dpkg-query -s "$package" >"$root/var/lib/dpkg/status.d/$name"
  tell_terms "$name" "/usr/share/doc/$name/copyright"
}

tell_terms() {
  install -D -m 644 "$2" "$root/usr/share/doc/$1/copyright"
}

# What became part of the program itself.
tell_linked() {
  local source package
  source=$(echo "$work"/curl-[0-9]*/)
  tell_terms libcurl4 "$source/debian/copyright"
  cat >"$root/var/lib/dpkg/status.d/libcurl4" <<STATUS
Package: libcurl4
Status: install ok installed
Architecture: $target
Source: curl
Version: $(dpkg-parsechangelog -l "$source/debian/changelog" -S Version)
Description: libcurl with HTTP and TLS only, linked into /usr/bin/fedwave
STATUS
  for package in rapidjson-dev libboost-dev libcli11-dev libjs-chart.js; do
    tell_terms "$package" "/usr/share/doc/$package/copyright"
  done
}

# Everything that is in the image: the program, the libraries that it needs, and a few files of /etc.
make_root() {
  local loader
  rm -rf "$root"
  mkdir -p "$root"/{dev,proc,sys,etc/fedwave,etc/ssl/certs,usr/bin,usr/lib64,usr/lib/"$triplet"} \
    "$root"/var/{lib/dpkg/status.d,spool/fedwave}
  ln -s usr/lib "$root/lib"
  ln -s usr/lib64 "$root/lib64"
  "$triplet-strip" -o "$root/usr/bin/fedwave" "$work/build/fedwave"

  declare -gA seen=()
  libraries_of "$root/usr/bin/fedwave"
  loader=$(readelf -l "$root/usr/bin/fedwave" | sed -n 's/.*interpreter: \(.*\)]/\1/p')
  cp -L "$loader" "$root$loader"
  local path package
  for path in "${seen[@]}"; do cp -L "$path" "$root/usr/lib/$triplet/"; done
  for package in $(for path in "$loader" "${seen[@]}"; do package_of "$path"; done | sort -u); do
    tell_package "$package"
  done
  tell_package ca-certificates
  tell_linked

  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  echo "hosts: files dns" >"$root/etc/nsswitch.conf"
  echo "fedwave:x:65532:65532:fedwave:/nonexistent:/usr/sbin/nologin" >"$root/etc/passwd"
  echo "fedwave:x:65532:" >"$root/etc/group"
  chown 65532:65532 "$root/var/spool/fedwave"
}

# As nobody in particular and with nothing else around. What is cross-compiled cannot be run here.
check_root() {
  if ! $crosses; then chroot --userspec=65532:65532 "$root" /usr/bin/fedwave --version; fi
  du -sh "$root"
}

case "${1:-}" in
  packages | libcurl | program) "$1" ;;
  root) make_root; check_root ;;
  list) packages_for_target ;;
  *) echo "usage: TARGETARCH=amd64|arm64 build.sh packages|libcurl|program|root|list" >&2; exit 1 ;;
esac
