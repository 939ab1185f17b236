// SPDX-License-Identifier: Apache-2.0

extension Node {
    /// What is unique to a node: no part of its class.
    private static let uniquePrefix = "unique."

    /// A digest of all that placement looks at but amounts and ids: nodes with the same are feasible for
    /// the same jobs, unless a constraint asks for what is unique.
    package var classDigest: UInt64 {
        var digest = ClassDigest()
        digest.add(datacenter)
        digest.add(nodePool)
        digest.add(nodeClass)
        digest.add(attributes)
        digest.add(meta)
        for driver in drivers {
            digest.add(driver.key)
            digest.add(driver.value.isDetected ? 1 : 0)
            digest.add(driver.value.isHealthy ? 1 : 0)
        }
        digest.add(UInt64(drivers.count))
        for volume in hostVolumes {
            digest.add(volume.key)
            digest.add(volume.value.isReadOnly ? 1 : 0)
        }
        digest.add(UInt64(hostVolumes.count))
        for network in resources.nodeNetworks {
            digest.add(network.mode)
            for address in network.addresses { digest.add(address.alias) }
            digest.add(UInt64(network.addresses.count))
        }
        digest.add(UInt64(resources.nodeNetworks.count))
        for network in resources.networks { digest.add(network.mode) }
        digest.add(UInt64(resources.networks.count))
        for device in resources.devices { digest.add(device) }
        digest.add(UInt64(resources.devices.count))
        return digest.value
    }

    /// ``computedClass`` as evaluations and answers name it: `v1:` and the number.
    package var computedClassText: String { Self.text(ofClass: computedClass) }

    package static func text(ofClass digest: UInt64) -> String { "v1:\(digest)" }

    fileprivate static func isUnique(_ key: String) -> Bool { key.hasPrefix(uniquePrefix) }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012) with a fixed key: the same on every machine. Texts have
/// their length before them, lists their count behind them, so that no two nodes write the same words.
private struct ClassDigest {
    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (
        0x736F_6D65_7073_6575, 0x646F_7261_6E64_6F6D, 0x6C79_6765_6E65_7261, 0x7465_6462_7974_6573
    )
    private var words: UInt64 = 0

    mutating func add(_ word: UInt64) {
        lanes.3 ^= word
        round()
        round()
        lanes.0 ^= word
        words &+= 1
    }

    mutating func add(_ text: String) {
        add(UInt64(text.utf8.count))
        var word: UInt64 = 0
        var filled: UInt64 = 0
        for byte in text.utf8 {
            word |= UInt64(byte) << (8 * filled)
            filled += 1
            if filled == 8 {
                add(word)
                word = 0
                filled = 0
            }
        }
        if filled > 0 { add(word) }
    }

    mutating func add(_ map: StringMap) {
        var count: UInt64 = 0
        for (key, value) in map.lazy.map({ ($0.key, $0.value) }) where !Node.isUnique(key) {
            add(key)
            add(value)
            count += 1
        }
        add(count)
    }

    mutating func add(_ device: NodeDeviceGroup) {
        add(device.vendor)
        add(device.type)
        add(device.name)
        var count: UInt64 = 0
        for (key, attribute) in device.attributes.lazy.map({ ($0.key, $0.value) })
        where !Node.isUnique(key) {
            count += 1
            add(key)
            add(attribute.unit)
            switch attribute.value {
            case .int(let value): add(UInt64(bitPattern: value))
            case .float(let value): add(value.bitPattern)
            case .string(let value): add(value)
            case .bool(let value): add(value ? 1 : 0)
            }
        }
        add(count)
    }

    var value: UInt64 {
        var last = self
        last.add(words)
        last.lanes.2 ^= 0xFF
        for _ in 0..<4 { last.round() }
        return last.lanes.0 ^ last.lanes.1 ^ last.lanes.2 ^ last.lanes.3
    }

    private mutating func round() {
        lanes.0 &+= lanes.1
        lanes.1 = Self.rotated(lanes.1, 13) ^ lanes.0
        lanes.0 = Self.rotated(lanes.0, 32)
        lanes.2 &+= lanes.3
        lanes.3 = Self.rotated(lanes.3, 16) ^ lanes.2
        lanes.0 &+= lanes.3
        lanes.3 = Self.rotated(lanes.3, 21) ^ lanes.0
        lanes.2 &+= lanes.1
        lanes.1 = Self.rotated(lanes.1, 17) ^ lanes.2
        lanes.2 = Self.rotated(lanes.2, 32)
    }

    private static func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word << count | word >> (64 - count)
    }
}
