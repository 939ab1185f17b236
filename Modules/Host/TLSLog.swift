// SPDX-License-Identifier: Apache-2.0
import Logging
import MartletTransport

/// Says who was refused, now and then: enough to see, too little to fill a disk.
final class TLSLog {
    private struct Key: Hashable {
        let host: String
        let reason: SecurityNotice.Reason
        let isOutgoing: Bool
        let port: String
    }

    /// One line for a host and a reason in this time.
    static let interval: Duration = .seconds(60)
    /// Hosts and reasons that are told apart; nothing is said of more in that time.
    static let keysMax = 1024

    private let loop: any Loop
    private let logger: Logger
    private var saidAt: [Key: Duration] = [:]

    init(loop: any Loop, logger: Logger) {
        self.loop = loop
        self.logger = logger
    }

    func note(_ notice: SecurityNotice, port: String) {
        let key = Key(
            host: notice.peer.host, reason: notice.reason, isOutgoing: notice.isOutgoing, port: port
        )
        let now = loop.now
        if let last = saidAt[key], now - last < Self.interval { return }
        if saidAt.count >= Self.keysMax {
            saidAt = saidAt.filter { now - $0.value < Self.interval }
        }
        guard saidAt.count < Self.keysMax else { return }
        saidAt[key] = now
        logger.warning(
            notice.isOutgoing ? "no TLS connection to a peer" : "refused a TLS connection",
            metadata: [
                "port": "\(port)", "peer": "\(notice.peer)", "reason": "\(notice.reason.rawValue)",
                "detail": "\(notice.detail)",
            ])
    }
}
