//! The PROXY protocol header, versions 1 and 2, as a load balancer sends it ahead of everything else.

use std::io;
use std::net::IpAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// The longest header of version 1, line end included.
const TEXT_BYTES_MAX: usize = 107;
/// What every header of version 2 begins with.
const BINARY_BYTES_MIN: usize = 16;
/// Addresses and extensions of version 2 beyond this are no one's: the largest in use (a TLS common name, AWS's endpoint
/// id) are a few hundred bytes.
const BINARY_BYTES_MAX: usize = 4096;

/// Why a connection has no valid header.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    #[error("reading the PROXY protocol header")]
    Read(#[from] io::Error),
    #[error("not a PROXY protocol header")]
    Malformed,
}

/// Takes the header off the stream, and not a byte more. `None`: the proxy speaks for itself (a health check).
pub(super) async fn read_header(tcp: &mut TcpStream) -> Result<Option<IpAddr>, ProxyError> {
    // No header of either version is shorter than 15 bytes.
    let mut header = vec![0; BINARY_BYTES_MIN - 1];
    tcp.read_exact(&mut header).await?;
    if header.starts_with(b"PROXY ") {
        read_text(tcp, &mut header).await?;
    } else if header.starts_with(v2::PROTOCOL_PREFIX) {
        read_binary(tcp, &mut header).await?;
    } else {
        return Err(ProxyError::Malformed);
    }
    source(&header)
}

async fn read_text(tcp: &mut TcpStream, header: &mut Vec<u8>) -> Result<(), ProxyError> {
    while !header.ends_with(b"\r\n") {
        // Peeking finds the line's end without taking what follows it.
        let mut ahead = [0; TEXT_BYTES_MAX];
        let room = TEXT_BYTES_MAX.saturating_sub(header.len());
        let seen = tcp.peek(ahead.get_mut(..room).unwrap_or_default()).await?;
        let seen = ahead.get(..seen).unwrap_or_default();
        let taken = seen.iter().position(|byte| *byte == b'\n').map_or(seen.len(), |at| at + 1);
        if taken == 0 {
            return Err(ProxyError::Malformed);
        }
        let filled = header.len();
        header.resize(filled + taken, 0);
        tcp.read_exact(header.get_mut(filled..).unwrap_or_default()).await?;
    }
    Ok(())
}

async fn read_binary(tcp: &mut TcpStream, header: &mut Vec<u8>) -> Result<(), ProxyError> {
    let low = tcp.read_u8().await?;
    let high = header.last().copied().unwrap_or_default();
    header.push(low);
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > BINARY_BYTES_MAX {
        return Err(ProxyError::Malformed);
    }
    header.resize(BINARY_BYTES_MIN + rest, 0);
    tcp.read_exact(header.get_mut(BINARY_BYTES_MIN..).unwrap_or_default()).await?;
    Ok(())
}

fn source(header: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Ok(match header.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => Some(addresses.source_address.into()),
            (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => Some(addresses.source_address.into()),
            (v2::Command::Local, _) | (_, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(ProxyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    /// Sends `pieces` one by one, each only after the one before was taken where `one_by_one`.
    async fn read(sent: &[u8], follows: &[u8], piece: usize) -> Result<(Option<IpAddr>, Vec<u8>), ProxyError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        sender.set_nodelay(true).unwrap();
        let (mut tcp, _) = listener.accept().await.unwrap();
        let all = [sent, follows].concat();
        let sending = async move {
            for piece in all.chunks(piece) {
                sender.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let reading = async move {
            let address = read_header(&mut tcp).await?;
            let mut rest = Vec::new();
            tcp.read_to_end(&mut rest).await?;
            Ok((address, rest))
        };
        tokio::join!(sending, reading).1
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    #[tokio::test]
    async fn headers_of_both_versions_are_taken_off_to_the_byte() {
        let v4 = [203, 0, 113, 9, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
        let v6 = [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]; 2].concat();
        let v6 = [&v6[..], &[0x12, 0x67, 0, 80]].concat();
        let extended = [&v4[..], &[4, 0, 2, 1, 1]].concat();
        let cases: [(Vec<u8>, Option<&str>); 8] = [
            (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\n".to_vec(), Some("203.0.113.9")),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n".to_vec(), Some("2001:db8::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (binary(0x21, 0x11, &v4), Some("203.0.113.9")),
            (binary(0x21, 0x21, &v6), Some("2001:db8::1")),
            (binary(0x21, 0x11, &extended), Some("203.0.113.9")),
            (binary(0x20, 0x11, &v4), None),
            (binary(0x20, 0, &[]), None),
        ];
        for (header, expected) in &cases {
            for piece in [1, 7, 4096] {
                let (address, rest) = read(header, b"POST / HTTP/1.1\r\n\r\n", piece).await.unwrap();
                assert_eq!(address, expected.map(|address| address.parse().unwrap()), "{header:?}");
                assert_eq!(rest, b"POST / HTTP/1.1\r\n\r\n");
            }
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200], b"\r\n"].concat();
        let cases: [&[u8]; 6] = [
            b"POST /shop/github HTTP/1.1\r\n\r\n",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\n\n\n\n\n\n",
            b"PROXY TCP4 203.0.113 10.0.0.1 4711 80\r\n",
            &long,
            &binary(0x31, 0x11, &[0; 12]),
            &binary(0x21, 0x11, &[0; 4]),
        ];
        for case in cases {
            assert!(read(case, b"", 4096).await.is_err(), "{:?}", String::from_utf8_lossy(case));
        }
        assert!(read(b"PROXY", b"", 4096).await.is_err());
    }
}
