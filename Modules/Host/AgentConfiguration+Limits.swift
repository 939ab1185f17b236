// SPDX-License-Identifier: Apache-2.0

import MartletServer

extension AgentConfiguration.Limits {
    /// What a server is to hold of its clients and peers. The handshake of HTTPS is the streams'.
    func apply(to options: inout ServerOptions) {
        options.leaderHold = rpcHoldTimeout
        options.peerConnectionsPerAddressMax = rpcMaxConnectionsPerClient
        options.greetingTimeout = rpcHandshakeTimeout
        options.httpLimits.connectionsPerClientMax = httpMaxConnectionsPerClient
        options.httpLimits.connectionsMax = httpMaxConnections
        options.httpLimits.requestsMax = httpMaxRequests
        options.httpLimits.requestsPerClientMax = httpMaxRequestsPerClient
        options.httpLimits.headerTimeout = httpHeaderTimeout
        options.httpLimits.bodyTimeout = httpBodyTimeout
        options.httpLimits.idleTimeout = httpIdleTimeout
    }
}
