// SPDX-License-Identifier: Apache-2.0
import MartletTransport
import Testing

@Suite("Socket addresses") struct SocketAddressTests {
    @Test(
        "Addresses are printed as they are read",
        arguments: [
            "1.2.3.4:80", "0.0.0.0:0", "255.255.255.255:65535", "[::]:1", "[::1]:4646",
            "[2001:db8::1]:80", "unix:/run/martlet.sock", "unix:relative", "unix:a:1",
        ])
    func roundTrip(_ text: String) throws {
        #expect(try #require(SocketAddress(text)).description == text)
    }

    @Test(
        "IPv6 is printed in its one canonical form (RFC 5952 §4)",
        arguments: [
            ("2001:0db8:0:0:0:0:0:1", "[2001:db8::1]"),  // §4.1 leading zeros
            ("2001:db8::0:1", "[2001:db8::1]"),  // §4.2.1 as short as possible
            ("2001:db8:0:1:1:1:1:1", "[2001:db8:0:1:1:1:1:1]"),  // §4.2.2 not for one group
            ("2001:0:0:1:0:0:0:1", "[2001:0:0:1::1]"),  // §4.2.3 the longest run
            ("2001:db8:0:0:1:0:0:1", "[2001:db8::1:0:0:1]"),  // §4.2.3 the first of equal runs
            ("2001:DB8::ABCD", "[2001:db8::abcd]"),  // §4.3 lower case
            ("0:0:0:0:0:0:0:0", "[::]"),
            ("1:0:0:0:0:0:0:0", "[1::]"),
            ("1:2:3:4:5:6:7:8", "[1:2:3:4:5:6:7:8]"),
            ("1:2:3:4:5:6:7::", "[1:2:3:4:5:6:7:0]"),
            ("::2:3:4:5:6:7:8", "[0:2:3:4:5:6:7:8]"),
        ])
    func canonicalForm(_ text: String, _ expected: String) throws {
        #expect(try #require(SocketAddress(host: text, port: 1)).host == expected)
    }

    @Test("Bytes stand in network order")
    func order() {
        #expect(SocketAddress("1.2.3.4:5") == .ipv4(0x0102_0304, port: 5))
        #expect(
            SocketAddress("[1:2:3:4:5:6:7:8]:9")
                == .ipv6(high: 0x0001_0002_0003_0004, low: 0x0005_0006_0007_0008, port: 9))
    }

    @Test(
        "What is not exactly an address is none",
        arguments: [
            "", ":", ":80", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:+1", "1.2.3.4:-1",
            "1.2.3.4: 1", "1.2.3.4:١", "1.2.3:80", "1.2.3.4.5:80", "1.2.3.256:80", "1..3.4:80",
            "1.2.3.-4:80", "1.2.3.4 :80", "localhost:80", "[1.2.3.4]:80", "[]:80", "[:]:80",
            "[:::]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80",
            "[1:2:3:4:5:6:7:8::]:80", "[12345::]:80", "[g::]:80", "[+1::]:80", "[-1::]:80",
            "[::1:80", "[::1]80", "[::1%eth0]:80", "[1:]:80", "[:1]:80", "unix:",
            "unix:/a\u{0}b", "1.2.3.4:000080", "0x1.2.3.4:80",
        ])
    func hostile(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test("A number with leading zeros, which some read as octal, is no IPv4 address")
    func octal() {
        #expect(SocketAddress("010.0.0.1:80") == nil)
        #expect(SocketAddress("1.2.3.04:80") == nil)
        #expect(SocketAddress("0.0.0.0:80") != nil)
    }

    @Test("A Unix path fits what the kernel takes: 107 bytes")
    func pathLength() {
        let longest = String(repeating: "a", count: 107)
        #expect(SocketAddress("unix:\(longest)") == .unix(path: longest))
        #expect(SocketAddress("unix:\(longest)a") == nil)
    }

    @Test("Only IP addresses have a port")
    func ports() {
        #expect(SocketAddress("1.2.3.4:80")?.port == 80)
        #expect(SocketAddress("[::1]:80")?.port == 80)
        #expect(SocketAddress("unix:/a")?.port == nil)
    }

    @Test("A host may come with or without its brackets")
    func hosts() {
        #expect(SocketAddress(host: "::1", port: 1) == SocketAddress(host: "[::1]", port: 1))
        #expect(SocketAddress(host: "[1.2.3.4]", port: 1) == nil)
        #expect(SocketAddress(host: "[[::1]]", port: 1) == nil)
        #expect(SocketAddress(host: "example", port: 1) == nil)
    }
}
