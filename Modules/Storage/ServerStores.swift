// SPDX-License-Identifier: Apache-2.0

/// The three stores of one server, open.
public struct ServerStores: Sendable {
    public var log: any LogStore
    public var metadata: any MetadataStore
    public var snapshots: any SnapshotStore
    /// Closes all of them. No call may follow.
    public let close: @Sendable () -> Void

    public init(
        log: any LogStore, metadata: any MetadataStore, snapshots: any SnapshotStore,
        close: @escaping @Sendable () -> Void
    ) {
        self.log = log
        self.metadata = metadata
        self.snapshots = snapshots
        self.close = close
    }
}
