//! Which hosts need no proxy, by curl's rules for `no_proxy` and `--noproxy`, as of curl 7.86.
//!
//! No crate has them: ureq, hyper-util and env_proxy read HTTP_PROXY in upper case, which a CGI server sets from
//! a request's header, and each has other rules for `*`, leading dots and CIDR. So they stand here; a test
//! holds each against curl.

use std::net::IpAddr;

/// Whether `list` holds the host, which is in lower case and without brackets. Entries are domains, with all
/// hosts in them, IP addresses, or networks such as 10.0.0.0/8, with commas or blanks between; `*` alone is for
/// all hosts.
pub fn holds(list: &str, host: &str) -> bool {
    let mut entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    let holds = |entry: &str| match host.parse::<IpAddr>() {
        Ok(address) => network_holds(entry, address),
        Err(_) => domain_holds(entry, host),
    };
    list == "*" || entries.any(holds)
}

/// A dot before or behind the domain, and one behind the host, make no difference.
fn domain_holds(domain: &str, host: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let domain = domain.strip_suffix('.').unwrap_or(&domain);
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let host = host.strip_suffix('.').unwrap_or(host);
    let before = host.strip_suffix(domain).filter(|_| !domain.is_empty());
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn network_holds(network: &str, address: IpAddr) -> bool {
    let (network, bits) = network.split_once('/').unwrap_or((network, "0"));
    let (network, address, all) = match (network.parse(), address) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address)) => {
            (network.to_bits(), address.to_bits(), 128)
        }
        _ => return false,
    };
    // In curl, 0 bits are all, and so is text.
    let bits = bits.parse::<u32>().ok().filter(|&bits| bits != 0).unwrap_or(all);
    bits <= all && (network ^ address) >> (all - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// curl 7.88 takes an IPv6 address for a name here; later ones know its networks, as its manual says.
    #[test]
    fn ipv6_networks_are_known_too() {
        for list in ["fd00::1", "FD00:0::1", "fd00::/8", "x,fd00::/64", "fd00::/0,fd00::1/128"] {
            assert!(holds(list, "fd00::1"), "{list}");
        }
        for list in [
            "fd00::2",
            "fe00::/8",
            "fd00::1/129",
            "fd00::2/-3",
            "fd00:1::/32,10.0.0.0/8",
            "[fd00::1]",
        ] {
            assert!(!holds(list, "fd00::1"), "{list}");
        }
    }
}
