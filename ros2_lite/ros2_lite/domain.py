"""Which DDS domain, and how far it reaches, from ROS 2's environment variables."""

import os
from pathlib import Path

RECEIVE_BUFFER = 4 << 20  # bytes that large images need; Linux's stock setting is 208 KiB
_RANGES = ("LOCALHOST", "SUBNET", "OFF", "SYSTEM_DEFAULT")

# Large images on Linux's small stock buffers: see "Tuning for images" in the README.
_COMMON = (
    "<General><MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize>{general}</General>"
    '<Internal><SocketReceiveBufferSize max="16MB"/>'
    "<Watermarks><WhcHigh>32MB</WhcHigh></Watermarks></Internal>"
    "<Discovery>{discovery}</Discovery>"
)
_LOOPBACK = '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces><AllowMulticast>false</AllowMulticast>'
_UNICAST = "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>"


def domain_id() -> int:
    """The domain of ROS_DOMAIN_ID, 0 where it is not set. Raises ValueError unless it is an integer in 0..232."""
    text = os.environ.get("ROS_DOMAIN_ID") or "0"
    if not text.isdecimal() or int(text) > 232:
        raise ValueError(f"ROS_DOMAIN_ID is {text!r}; it must be an integer from 0 to 232")
    return int(text)


def discovery_range() -> str:
    """LOCALHOST (the default here, so that nothing leaves the machine unasked), SUBNET, OFF or SYSTEM_DEFAULT."""
    if os.environ.get("ROS_LOCALHOST_ONLY") == "1":
        return "LOCALHOST"
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "LOCALHOST"
    if reach not in _RANGES:
        raise ValueError(f"ROS_AUTOMATIC_DISCOVERY_RANGE is {reach!r}; known values: {', '.join(_RANGES)}")
    return reach


def configuration() -> str:
    """Cyclone DDS configuration for this process; CYCLONEDDS_URI comes last, so that a user's settings win."""
    peers = [peer for peer in os.environ.get("ROS_STATIC_PEERS", "").split(";") if peer]
    reach = discovery_range()
    general, discovery = "", ""
    if reach == "LOCALHOST":
        general, discovery = (_LOOPBACK if not peers else ""), _UNICAST
        peers.append("127.0.0.1")
    elif reach == "OFF":
        discovery, peers = f"<Tag>ros_discovery_off_{os.getpid()}</Tag>", []
    if peers:
        discovery += "<Peers>" + "".join(f'<Peer address="{peer}"/>' for peer in peers) + "</Peers>"
    ours = "" if reach == "SYSTEM_DEFAULT" else _COMMON.format(general=general, discovery=discovery)
    return f"<CycloneDDS><Domain>{ours}</Domain></CycloneDDS>,{os.environ.get('CYCLONEDDS_URI', '')}".rstrip(",")


def receive_buffer_advice(setting: Path = Path("/proc/sys/net/core/rmem_max")) -> str:
    """What to tell those who receive images where the kernel's receive buffer is small; empty where it is not."""
    try:
        size = int(setting.read_text())
    except (OSError, ValueError):
        return ""  # not Linux, or not to be seen: nothing to advise
    if size >= RECEIVE_BUFFER:
        return ""
    return (
        f"net.core.rmem_max is {size} bytes: images may come late or, best effort, not at all; "
        f"sudo sysctl -w net.core.rmem_max={RECEIVE_BUFFER}"
    )
