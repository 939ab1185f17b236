// SPDX-License-Identifier: Apache-2.0
package import MartletTransport

/// TLS by OpenSSL 3.
package struct OpenSSLSecurity: StreamSecurity {
    package init() {}

    package func secure(
        _ streams: any Streams, on loop: any Loop, policy: SecurityPolicy,
        material: SecurityMaterial, notice: @escaping (SecurityNotice) -> Void
    ) throws(SecurityError) -> any SecuredStreams {
        let context = try TLSContext(policy, material, at: loop.unixSeconds)
        return TLSStreams(over: streams, on: loop, context, notice: notice)
    }
}

extension Loop {
    /// Seconds since 1970-01-01 UTC.
    var unixSeconds: Int64 {
        wallClockNanoseconds >= 0 ? wallClockNanoseconds / 1_000_000_000 : 0
    }
}
