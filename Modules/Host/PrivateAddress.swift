// SPDX-License-Identifier: Apache-2.0

import MartletTransport

/// The address by which a machine on a private network is most likely reached: the first private one
/// of the interface with the default route, which Nomad tells others when it is told nothing.
///
/// Linux only, from the kernel's tables; elsewhere there is none.
enum PrivateAddress {
    private static let routesPath = "/proc/net/route"
    private static let localsPath = "/proc/net/fib_trie"
    /// A router's tables are larger; what it should tell others, its operator has to say.
    private static let limitBytes = 1 << 20

    /// nil without a default route, without a private address there, and where tables cannot be read.
    static func find(in files: any Files) -> String? {
        let routes: [UInt8]
        let locals: [UInt8]
        do throws(FileError) {
            routes = try files.read(routesPath, limitBytes: limitBytes)
            locals = try files.read(localsPath, limitBytes: limitBytes)
        } catch {
            return nil  // Not Linux, or not ours to see: the operator is asked for the address.
        }
        let networks = defaultNetworks(in: String(decoding: routes, as: UTF8.self))
        return localAddresses(in: String(decoding: locals, as: UTF8.self)).sorted().first {
            address in
            isPrivate(address) && networks.contains { address & $0.mask == $0.address }
        }.map(text)
    }

    private struct Network {
        let address: UInt32
        let mask: UInt32
    }

    /// The networks of the interface with the default route of the least metric.
    ///
    ///     Iface  Destination  Gateway   Flags  RefCnt  Use  Metric  Mask      …
    ///     eth0   00000000     0102A8C0  0003   0       0    100     00000000
    ///     eth0   0002A8C0     00000000  0001   0       0    100     00FFFFFF
    private static func defaultNetworks(in table: String) -> [Network] {
        let rows = table.split(separator: "\n").dropFirst().map {
            $0.split { $0 == "\t" || $0 == " " }
        }.filter { $0.count >= 8 }
        let gateways = rows.filter { $0[1] == "00000000" && $0[7] == "00000000" }
        let least = gateways.min { (Int($0[6]) ?? .max) < (Int($1[6]) ?? .max) }
        guard let interface = least?[0] else { return [] }
        return rows.compactMap { row in
            guard row[0] == interface, let address = UInt32(row[1], radix: 16),
                let mask = UInt32(row[7], radix: 16), mask != 0, row[2] == "00000000"
            else { return nil }
            // Bytes in network order, printed as the machine reads them.
            return Network(address: UInt32(bigEndian: address), mask: UInt32(bigEndian: mask))
        }
    }

    /// Addresses whose next line says that they are this machine's:
    ///
    ///     |-- 192.168.2.7
    ///        /32 host LOCAL
    private static func localAddresses(in table: String) -> [UInt32] {
        var found: [UInt32] = []
        var last: UInt32?
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "|--", words.count == 2 {
                last = ipv4(words[1])
            } else if words == ["/32", "host", "LOCAL"], let address = last {
                found.append(address)
            }
        }
        return found
    }

    private static func ipv4(_ text: Substring) -> UInt32? {
        guard case .ipv4(let address, _) = SocketAddress(host: String(text), port: 0) else {
            return nil
        }
        return address
    }

    private static func text(_ address: UInt32) -> String {
        [24, 16, 8, 0].map { "\(address >> $0 & 0xFF)" }.joined(separator: ".")
    }

    /// Private networks, those of carriers, of benchmarks, and of documentation (RFC 6890).
    private static func isPrivate(_ address: UInt32) -> Bool {
        switch address {
        case 0x0A00_0000...0x0AFF_FFFF, 0xAC10_0000...0xAC1F_FFFF, 0xC0A8_0000...0xC0A8_FFFF,
            0x6440_0000...0x647F_FFFF, 0xC612_0000...0xC613_FFFF,
            0xC000_0200...0xC000_02FF, 0xC633_6400...0xC633_64FF, 0xCB00_7100...0xCB00_71FF:
            true
        default: false
        }
    }
}
