// SPDX-License-Identifier: Apache-2.0
internal import CUV
internal import Glibc
package import MartletTransport

/// TCP and Unix sockets on a loop.
package final class UVStreams: Streams {
    private let loop: UVLoop

    package init(loop: UVLoop) { self.loop = loop }

    package func listen(
        on address: SocketAddress, accept: @escaping (any ByteStream) -> Void
    ) throws(TransportError) -> any Listener {
        loop.preconditionOnLoop()
        return try UVListener(Acceptor(loop: loop, address: address, accept: accept))
    }

    package func connect(
        to address: SocketAddress, timeout: Duration,
        completion: @escaping (Result<any ByteStream, TransportError>) -> Void
    ) {
        UVStream(loop: loop, remote: address).connect(timeout: timeout, completion: completion)
    }

    package func resolve(
        host: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) {
        loop.preconditionOnLoop()
        let answer = Carried(completion)
        if let numeric = SocketAddress(host: host, port: port) {
            loop.enter { answer.value(.success([numeric])) }
        } else if host.isEmpty || host.utf8.count > 253 || host.utf8.contains(0) {
            // RFC 1035 §2.3.4: a name has at most 255 bytes in its length-prefixed form.
            loop.enter { answer.value(.failure(.unknownHost(host))) }
        } else {
            Resolution(host: host, port: port, completion: completion).start(on: loop)
        }
    }
}

/// One question to the system's resolver, which answers on a thread of libuv's pool.
@safe
private final class Resolution {
    private let host: String
    private let port: UInt16
    private let completion: (Result<[SocketAddress], TransportError>) -> Void
    private let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)

    init(
        host: String, port: UInt16,
        completion: @escaping (Result<[SocketAddress], TransportError>) -> Void
    ) {
        self.host = host
        self.port = port
        self.completion = completion
    }

    deinit { unsafe request.deallocate() }

    func start(on loop: UVLoop) {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        let retained = unsafe Unmanaged.passRetained(self)
        unsafe request.pointee.data = retained.toOpaque()
        let code = unsafe uv_getaddrinfo(
            loop.uv, request,
            { request, status, found in
                defer { unsafe uv_freeaddrinfo(found) }
                guard let data = unsafe request?.pointee.data else { return }
                let resolution = unsafe Unmanaged<Resolution>.fromOpaque(data).takeRetainedValue()
                unsafe resolution.answer(status, found)
            }, host, nil, &hints)
        guard code != 0 else { return }
        let resolution = unsafe Carried(retained.takeRetainedValue())
        loop.enter { unsafe resolution.value.answer(code, nil) }
    }

    private func answer(_ status: Int32, _ found: UnsafeMutablePointer<addrinfo>?) {
        var addresses: [SocketAddress] = []
        var next = unsafe found
        while let entry = unsafe next {
            if let address = unsafe entry.pointee.ai_addr.flatMap({ unsafe SocketAddress($0) }) {
                let withPort = address.with(port: port)
                if !addresses.contains(withPort) { addresses.append(withPort) }
            }
            unsafe next = entry.pointee.ai_next
        }
        if status == UV_EAI_MEMORY.rawValue {
            completion(.failure(.exhausted))
        } else if status != 0 || addresses.isEmpty {
            completion(.failure(.unknownHost(host)))
        } else {
            completion(.success(addresses))
        }
    }
}

extension SocketAddress {
    fileprivate func with(port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let number, _): .ipv4(number, port: port)
        case .ipv6(let high, let low, _): .ipv6(high: high, low: low, port: port)
        case .unix: self
        }
    }
}
