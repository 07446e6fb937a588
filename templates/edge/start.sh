# start.sh: the edge container's only process becomes nginx. LOOMA_EDGE_BASE is the folder of its nginx.conf.
set -eu
umask 022
home=/etc/looma/edge
cd "$home"

# What a change that was cut off may have left; the folders that are linked from tenants/ are whole and checked.
rm -rf incoming check
rm -f retired/* dirty
mkdir -p incoming check modes retired tenants versions /run/looma
for version in versions/*; do
    name=${version#versions/}
    [ "$(readlink "tenants/${name%.*}" || true)" = "../$version" ] || rm -rf "$version"
done

[ -e /proc/net/if_inet6 ] || sed -i '/\[::\]/d' "$LOOMA_EDGE_BASE"/listen-*.conf tenants/*/listen.conf
if nginx -V 2>&1 | grep -q http_stub_status_module; then
    echo 'server { listen unix:/run/looma/status.sock; access_log off; location = /status { stub_status; } }' \
        >/run/looma/status.conf
fi
exec nginx -p "$home/" -e stderr -c "$LOOMA_EDGE_BASE/nginx.conf" -g 'daemon off;'
