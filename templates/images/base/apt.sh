# apt for an image build: read with `.`. The build mounts the secret `apt` (an apt.conf with Looma::Mirror, Looma::Security
# and the settings of the network); nothing of it, and no package list, stays in the image.
export DEBIAN_FRONTEND=noninteractive
settings=/run/secrets/apt
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir -p "$scratch/lists/partial" "$scratch/archives/partial" "$scratch/packages"

setting() { sed -n "s|^Looma::$1 \"\(.*\)\";\$|\1|p" "$settings"; }
source_of() { [ -z "$1" ] || echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $1 $2 main"; }
codename() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

apt() {
    APT_CONFIG=$settings apt-get -qq -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io \
        -o Dir::State::lists="$scratch/lists" -o Dir::Cache::archives="$scratch/archives" \
        -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=- "$@"
}

# use_suite SUITE: packages come from this release and its security updates; a second one adds its packages
use_suite() {
    source_of "$(setting Mirror)" "$1" >>"$scratch/sources.list"
    case $1 in sid | "$(codename)") ;; *) return 0 ;; esac
    [ "$1" = sid ] || source_of "$(setting Security)" "$1-security" >>"$scratch/sources.list"
}

# fetch PACKAGE...: the packages themselves, without what they depend on, into $scratch/packages
fetch() { (cd "$scratch/packages" && apt download "$@"); }
