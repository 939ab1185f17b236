// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletAPI
import MartletBytes
import MartletTransport

/// Asks the configured gossip ports who is there: every 100 ms for the first 3 s, so that servers
/// that start together find each other at once, after that at the configured interval, until this
/// server belongs to a cluster with others or has found everybody it expects.
final class Joining {
    private let options: ServerOptions
    private let loop: any Loop
    private let streams: any Streams
    private let logger: Logger
    private unowned let network: PeerNetwork

    private var timer: (any LoopTimer)?
    private var startedAt: Duration = .zero
    private var attempts = 0
    private var underWay: Set<String> = []
    /// What was said last of each target: not again every time that it is asked.
    private var refusals: [String: String] = [:]
    /// What the addresses that were asked mean.
    private var places: [String: (host: String, port: UInt16)] = [:]
    private var isStopped = false

    private static let eagerInterval: Duration = .milliseconds(100)
    private static let eagerPeriod: Duration = .seconds(3)

    init(
        options: ServerOptions, loop: any Loop, streams: any Streams, network: PeerNetwork,
        logger: Logger
    ) {
        self.network = network
        self.options = options
        self.loop = loop
        self.streams = streams
        self.logger = logger
    }

    func start() {
        guard !options.join.isEmpty else { return }
        startedAt = loop.now
        timer = loop.makeTimer { [weak self] in self?.attempt() }
        attempt()
    }

    func stop() {
        isStopped = true
        timer?.disarm()
    }

    /// What the first of the addresses that refuses this server says; nil if none does.
    var refusal: String? {
        options.join.lazy.compactMap { target in self.refusals[target].map { "\(target): \($0)" } }
            .first
    }

    private var isEager: Bool { loop.now - startedAt < Self.eagerPeriod }

    private func attempt() {
        guard !isStopped else { return }
        guard !isSatisfied else {
            attempts = 0
            timer?.arm(at: loop.now + (isEager ? Self.eagerInterval : options.joinInterval))
            return
        }
        if !isEager {
            attempts += 1
            if options.joinAttemptsMax > 0, attempts > options.joinAttemptsMax {
                logger.error(
                    network.members.aliveCount > 1
                        ? "no server of a cluster answered any retry_join address: giving up"
                        : "no server answered any retry_join address: giving up",
                    metadata: ["attempts": "\(attempts - 1)"])
                return
            }
        }
        timer?.arm(at: loop.now + (isEager ? Self.eagerInterval : options.joinInterval))
        for target in options.join where !underWay.contains(target) { ask(target) }
    }

    /// Everybody who is expected answers, or the cluster stands and somebody of it answers. To one that founds
    /// none, others who wait for a cluster themselves are no help: cut off together, they would wait for ever.
    private var isSatisfied: Bool {
        let alive = network.members.aliveCount
        if options.bootstrapExpect > 0, alive >= max(options.bootstrapExpect, 2) { return true }
        return network.own.clusterID != nil && network.own.hasLog && alive > 1
    }

    private func ask(_ target: String) {
        guard let (host, port) = places[target] ?? Self.split(target, defaultPort: 4648) else {
            logger.error("not an address to join", metadata: ["address": "\(target)"])
            return
        }
        places[target] = (host, port)
        underWay.insert(target)
        streams.resolve(host: host, port: port) { [weak self] result in
            guard let self, !self.isStopped else { return }
            switch result {
            case .success(let addresses):
                for address in addresses.prefix(8) { self.exchange(with: address, of: target) }
                if addresses.isEmpty { self.underWay.remove(target) }
            case .failure(let error):
                self.underWay.remove(target)
                if !self.isEager {
                    self.logger.warning(
                        "a retry_join name does not resolve",
                        metadata: ["address": "\(target)", "error": "\(error)"])
                }
            }
        }
    }

    private func exchange(with address: SocketAddress, of target: String) {
        network.gossip.join(address) { [weak self] failure in
            guard let self else { return }
            self.underWay.remove(target)
            guard !self.isStopped, let failure else { return }
            self.tell(failure, of: target, at: address)
        }
    }

    /// A server that starts with others finds some of them away at first: that is no news.
    private func tell(_ failure: JoinFailure, of target: String, at address: SocketAddress) {
        let reason: String
        switch failure {
        case .itself: return
        case .unreachable(let why):
            guard !isEager else { return }
            reason = why
        case .refused(let why): reason = why
        }
        guard refusals.updateValue(reason, forKey: target) != reason else { return }
        logger.warning(
            "a retry_join address does not let this server in",
            metadata: ["address": "\(address)", "reason": "\(reason)"])
    }

    /// `host:port`, `[v6]:port`, or a host alone.
    static func split(_ text: String, defaultPort: UInt16) -> (host: String, port: UInt16)? {
        if SocketAddress(host: text, port: defaultPort) != nil { return (text, defaultPort) }
        guard let colon = text.lastIndex(of: ":") else {
            return text.isEmpty ? nil : (text, defaultPort)
        }
        guard let port = UInt16(text[text.index(after: colon)...]), port > 0 else { return nil }
        let host = String(text[..<colon])
        return host.isEmpty ? nil : (host, port)
    }
}
