// SPDX-License-Identifier: Apache-2.0
import MartletClient
import MartletSimulation
import MartletTransport

extension SimulatedCluster {
    /// A request whose answer goes on: what has come of it so far.
    package final class Watch {
        /// 0 until the head has come.
        package fileprivate(set) var status = 0
        package fileprivate(set) var contentType = ""
        package fileprivate(set) var text = ""
        /// Why there is no more; nil while there may be.
        package fileprivate(set) var end: String?
        fileprivate var client: APIClient?
        fileprivate var stream: ClientStream?
        /// False for a client that takes nothing for now.
        package var isTaking = true

        /// Lines that have come, without heartbeats.
        package var lines: [String] {
            text.split(separator: "\n").map(String.init).filter { $0 != "{}" }
        }

        fileprivate func take() {
            guard isTaking else { return }
            stream?.body.next { [weak self] piece in
                guard let self else { return }
                switch piece {
                case .bytes(let bytes):
                    self.text += String(decoding: bytes, as: UTF8.self)
                    self.take()
                case .end: self.end = "end"
                case .failed(let reason): self.end = reason
                }
            }
        }
    }

    package func watch(_ node: Node, _ target: String, token: String? = nil) -> Watch {
        let watch = Watch()
        let client = client(of: node, token: token)
        watch.client = client
        clientHost.perform {
            client.open(.get, target, body: nil, silenceMax: .seconds(10)) { [weak watch] result in
                guard let watch else { return }
                switch result {
                case .success(let stream):
                    watch.status = stream.head.status
                    watch.contentType = stream.head.header("Content-Type") ?? ""
                    watch.stream = stream
                    watch.take()
                case .failure(let error): watch.end = "\(error)"
                }
            }
        }
        world.run(for: .milliseconds(200))
        return watch
    }

    /// The client leaves.
    package func end(_ watch: Watch) {
        clientHost.perform { watch.stream?.body.cancel() }
        world.run(for: .milliseconds(200))
    }

    /// A client that had stopped takes what there is.
    package func goOn(_ watch: Watch) {
        clientHost.perform {
            watch.isTaking = true
            watch.take()
        }
        world.run(for: .milliseconds(500))
    }
}
