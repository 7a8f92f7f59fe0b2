#!/bin/sh
# Make SROS2 keys for a drone, its edge server and an operator: encrypted, authenticated, and each half may say and hear
# only what config/sros2/policy.xml grants. For an ordinary ROS 2 installation (apt, with the sros2 package); the ROS 2
# wheels from PyPI cannot do it: their DDS is built without security, and nothing of this could be tested with them.
#
#   examples/secure.sh KEYSTORE [NAMESPACE]       (default namespace: drone_1)
set -eu

keystore=${1:?"usage: $0 KEYSTORE [NAMESPACE]"}
namespace=${2:-drone_1}
policy=$(dirname "$0")/../config/sros2/policy.xml

case $namespace in
*[!A-Za-z0-9_]* | "") echo "$0: namespace: expected letters, digits and _, got '$namespace'." >&2; exit 2 ;;
esac
[ -f "$policy" ] || { echo "$0: $policy is missing; run this from a copy of the project." >&2; exit 1; }
if ! command -v ros2 >/dev/null || ! ros2 security --help >/dev/null 2>&1; then
	echo "$0: 'ros2 security' is not here: source an ordinary ROS 2 installation that has sros2 (apt install" \
		"ros-\$ROS_DISTRO-sros2). The wheels from PyPI have none." >&2
	exit 1
fi

mine=$(mktemp)
trap 'rm -f "$mine"' EXIT
sed "s|/drone_1\([/\"]\)|/$namespace\1|g" "$policy" >"$mine"

[ -d "$keystore/enclaves" ] || ros2 security create_keystore "$keystore"
for half in vehicle edge operator; do
	ros2 security create_enclave "$keystore" "/navisplit/$half"
	ros2 security create_permission "$keystore" "/navisplit/$half" "$mine"
done

cat <<END
Keys are in $keystore. Copy to each machine only its own enclave ($keystore/enclaves/navisplit/HALF) with
$keystore/public, keep $keystore/private at home, and set there before launching (HALF: vehicle, edge or operator):
  export ROS_SECURITY_KEYSTORE=$keystore ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce
  export ROS_SECURITY_ENCLAVE_OVERRIDE=/navisplit/HALF
END
