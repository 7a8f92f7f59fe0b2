#!/usr/bin/env bash
# One flight on "two machines": the vehicle's half and the edge's half in network namespaces of their own, each with its
# own network stack, and a radio between them. Real: both halves, ROS 2 discovery, DDS, UDP/IP. Emulated: the radio
# (`navisplit link`, in user space). Shared, unlike on two machines: processor, clock, disk.
#
#   sudo PYTHON=.venv/bin/python examples/two_machines.sh RADIO [options of navisplit fly]
#   e.g. ... examples/two_machines.sh wifi-far --world forest --route 3 --out runs/two
#
# RADIO is what `navisplit link` takes: wifi-near, lte,loss=5%, mine.yaml:NAME, radio.csv.
set -euo pipefail

if [ $# -lt 1 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
radio=$1
shift
python=${PYTHON:-python3}
PATH=$PATH:/usr/sbin:/sbin
here=$$
vehicle=nsv$here edge=nse$here air=nsr$here

# Shared memory would go past the radio: namespaces of the network do not part it.
export FASTDDS_BUILTIN_TRANSPORTS=UDPv4
export ROS_AUTOMATIC_DISCOVERY_RANGE=SUBNET

for_edge=()
options=("$@")
for ((i = 0; i < ${#options[@]}; i++)); do
    case ${options[i]} in
        --models | --policy | --speed | --config | --namespace) for_edge+=("${options[i]}" "${options[i + 1]}") ;;
    esac
done

started=()
finish() {
    trap - EXIT INT TERM
    for pid in "${started[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
    for space in "$vehicle" "$edge" "$air"; do ip netns del "$space" 2>/dev/null || true; done
}
trap finish EXIT
trap 'exit 1' INT TERM

for space in "$vehicle" "$edge" "$air"; do
    ip netns add "$space" || { echo "two_machines: network namespaces need root's rights; run it with sudo." >&2; exit 1; }
    ip -n "$space" link set lo up
done
join() { # NAMESPACE ADDRESS NEAR_END
    ip -n "$1" link add radio0 type veth peer name "$3" netns "$air"
    ip -n "$1" addr add "$2/24" dev radio0
    ip -n "$1" link set radio0 up
    ip -n "$air" link set "$3" up
}
join "$vehicle" 10.77.0.1 vehicle
join "$edge" 10.77.0.2 edge

setsid ip netns exec "$air" "$python" -m navisplit link "$radio" --between vehicle edge &
started+=($!)
setsid ip netns exec "$edge" "$python" -m navisplit fly --side edge "${for_edge[@]}" &
started+=($!)
ip netns exec "$vehicle" "$python" -m navisplit fly --side vehicle "$@"
