"""Hypothesis strategies for TFTP: packets that are right, datagrams that may be anything."""

from hypothesis import strategies as st

from fastpxe.tftp.packets import Ack, Data, Error, Oack, Packet, Rrq, Wrq

LATIN = st.characters(max_codepoint=255, exclude_characters="\0")
WORDS = st.text(LATIN, min_size=1, max_size=20)
BLOCKS = st.integers(0, 65535)


def options() -> st.SearchStrategy[dict[str, str]]:
    names = st.sampled_from(["blksize", "tsize", "timeout", "windowsize", "multicast", "x"])
    return st.dictionaries(names, st.integers(0, 70_000).map(str) | st.text(LATIN, max_size=8))


def packets() -> st.SearchStrategy[Packet]:
    names = st.binary(min_size=1, max_size=80).filter(lambda name: b"\0" not in name)
    modes = st.sampled_from(["octet", "netascii", "mail"])
    texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
    return st.one_of(
        st.builds(Rrq, filename=names, mode=modes, options=options()),
        st.builds(Wrq, filename=names, mode=modes, options=options()),
        st.builds(Data, block=BLOCKS, payload=st.binary(max_size=600)),
        st.builds(Ack, block=BLOCKS),
        st.builds(Error, code=BLOCKS, text=texts),
        st.builds(Oack, options=options()),
    )


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A right packet with a piece cut out, another put in."""
    datagram = bytes(draw(packets()))
    start = draw(st.integers(0, len(datagram)))
    end = draw(st.integers(start, len(datagram)))
    return datagram[:start] + draw(st.binary(max_size=8)) + datagram[end:]


def datagrams() -> st.SearchStrategy[bytes]:
    return st.binary(max_size=2000) | damaged()
