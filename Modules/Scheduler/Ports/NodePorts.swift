// SPDX-License-Identifier: Apache-2.0
internal import MartletAPI

/// Which ports of a node's addresses are taken, and how much of its cards' bandwidth.
///
/// Ports are kept as a sorted list per address: a node has some hundred at most, where a bitmap would
/// take 8 KB for each address.
struct NodePorts: Sendable {
    /// One address, with the card that it belongs to.
    struct Space: Sendable {
        let ip: String
        let device: String
        let reserved: PortRanges
        let megabits: Int
        /// Ascending; a port that two allocations hold stands twice.
        var used: [UInt16] = []
        var usedMegabits = 0

        func isTaken(_ port: Int) -> Bool {
            reserved.contains(port) || holds(port)
        }

        func holds(_ port: Int) -> Bool {
            let place = insertionPoint(port)
            return place < used.count && Int(used[place]) == port
        }

        private func insertionPoint(_ port: Int) -> Int {
            var low = 0
            var high = used.count
            while low < high {
                let middle = (low + high) / 2
                if Int(used[middle]) < port { low = middle + 1 } else { high = middle }
            }
            return low
        }

        mutating func take(_ port: Int) {
            guard let value = UInt16(exactly: port) else { return }
            used.insert(value, at: insertionPoint(port))
        }

        mutating func release(_ port: Int) {
            let place = insertionPoint(port)
            guard place < used.count, Int(used[place]) == port else { return }
            used.remove(at: place)
        }
    }

    private(set) var spaces: [Space] = []
    /// Names of addresses, with the spaces that bear them in the node's order.
    private let aliases: [Alias]
    let dynamicPorts: ClosedRange<Int>

    private typealias Alias = (name: String, spaces: [Int])
    /// Of most nodes, which share it: a list of its own is one more thing that is in no cache.
    private static let usualAliases: [Alias] = [(PortRequest.hostNetworkDefault, [0])]

    init(_ node: Node) {
        let reserved = node.reserved.reservedHostPorts
        var spaces: [Space] = []
        var aliases: [Alias] = []
        func name(_ alias: String, _ space: Int) {
            if let known = aliases.firstIndex(where: { $0.name == alias }) {
                aliases[known].spaces.append(space)
            } else {
                aliases.append((alias, [space]))
            }
        }
        // Who holds a port is known by its address: two cards with one address have one set of ports.
        for card in node.resources.networks where !spaces.contains(where: { $0.ip == card.ip }) {
            spaces.append(
                Space(
                    ip: card.ip, device: card.device, reserved: PortRanges(reserved),
                    megabits: Amount.clamped(card.megabits)))
        }
        for network in node.resources.nodeNetworks {
            for address in network.addresses {
                let space = spaces.firstIndex { $0.ip == address.address } ?? spaces.count
                if space == spaces.count {
                    spaces.append(
                        Space(
                            ip: address.address, device: network.device,
                            reserved: PortRanges(reserved, address.reservedPorts),
                            megabits: Amount.clamped(network.speed)))
                }
                name(address.alias, space)
            }
        }
        // A node that tells of no network still has one address.
        if spaces.isEmpty {
            spaces.append(
                Space(ip: "", device: "", reserved: PortRanges(reserved), megabits: Amount.max))
        }
        if !aliases.contains(where: { $0.name == PortRequest.hostNetworkDefault }) {
            aliases.append((PortRequest.hostNetworkDefault, [0]))
        }
        self.spaces = spaces
        self.aliases =
            aliases.elementsEqual(Self.usualAliases, by: ==) ? Self.usualAliases : aliases
        dynamicPorts = Self.range(node.resources)
    }

    private static func range(_ resources: NodeResources) -> ClosedRange<Int> {
        let low = resources.minDynamicPort
        let high = resources.maxDynamicPort
        return 1...65535 ~= low && 1...65535 ~= high && low <= high
            ? low...high : NodeResources.dynamicPortsDefault
    }

    /// The addresses that a port of this network may be opened at.
    func candidates(hostNetwork alias: String) -> [Int] {
        let wanted = alias.isEmpty ? PortRequest.hostNetworkDefault : alias
        return aliases.first { $0.name == wanted }?.spaces ?? []
    }

    /// Takes, or gives back, all that an allocation has.
    mutating func apply(_ resources: AllocatedResources, isTaking: Bool) {
        if resources.ports.isEmpty {
            for network in resources.networks { apply(network, isTaking: isTaking) }
        } else {
            for port in resources.ports {
                change(port.value, at: port.hostIP, isTaking: isTaking)
            }
        }
        for task in resources.tasks {
            for network in task.networks { apply(network, isTaking: isTaking) }
        }
    }

    private mutating func apply(_ network: AllocatedNetwork, isTaking: Bool) {
        for port in network.reservedPorts + network.dynamicPorts {
            change(port.value, at: network.ip, isTaking: isTaking)
        }
        guard network.megabits > 0, let space = space(of: network.ip) else { return }
        let megabits = Amount.clamped(network.megabits)
        spaces[space].usedMegabits += isTaking ? megabits : -megabits
    }

    private mutating func change(_ port: Int, at ip: String, isTaking: Bool) {
        guard let space = space(of: ip) else { return }
        if isTaking { spaces[space].take(port) } else { spaces[space].release(port) }
    }

    private func space(of ip: String) -> Int? {
        spaces.firstIndex { $0.ip == ip }
    }
}
