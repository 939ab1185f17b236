// SPDX-License-Identifier: Apache-2.0
import MartletTransport

/// Who holds which ports of the hosts: a few of each, looked through from the front.
struct Ports<Holder: AnyObject> {
    /// By number of the host.
    private var places: [[(port: UInt16, holder: Holder)]] = []

    /// - Precondition: the address is a host's own (``SimulatedHost/address(port:)``).
    subscript(address: SocketAddress) -> Holder? {
        get {
            let (host, port) = Self.place(of: address)
            guard host < places.count, let position = position(of: port, on: host) else {
                return nil
            }
            return places[host][position].holder
        }
        set {
            let (host, port) = Self.place(of: address)
            while places.count <= host { places.append([]) }
            if let position = position(of: port, on: host) { places[host].remove(at: position) }
            if let newValue { places[host].append((port, newValue)) }
        }
    }

    mutating func closeAll(on host: Int) {
        if host < places.count { places[host] = [] }
    }

    private func position(of port: UInt16, on host: Int) -> Int? {
        for position in places[host].indices where places[host][position].port == port {
            return position
        }
        return nil
    }

    private static func place(of address: SocketAddress) -> (host: Int, port: UInt16) {
        guard case .ipv4(let number, let port) = address else {
            preconditionFailure("\(address) is no host's")
        }
        return (Int(number & 0xFFFF), port)
    }
}

/// Ways from one host to another, by their numbers.
struct Paths {
    /// For each host from which, a bit for each to which.
    private var rows: [[UInt64]] = []
    private var count = 0

    func contains(from: Int, to: Int) -> Bool {
        guard count > 0, from < rows.count, to / 64 < rows[from].count else { return false }
        return rows[from][to / 64] & Self.bit(to) != 0
    }

    mutating func insert(from: Int, to: Int) {
        guard !contains(from: from, to: to) else { return }
        while rows.count <= from { rows.append([]) }
        while rows[from].count <= to / 64 { rows[from].append(0) }
        rows[from][to / 64] |= Self.bit(to)
        count += 1
    }

    /// - Returns: whether it was there.
    mutating func remove(from: Int, to: Int) -> Bool {
        guard contains(from: from, to: to) else { return false }
        rows[from][to / 64] &= ~Self.bit(to)
        count -= 1
        return true
    }

    private static func bit(_ number: Int) -> UInt64 { 1 << UInt64(number % 64) }
}
