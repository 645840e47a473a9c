/**
 * What the panels of RabbitMQ's published dashboards ask for. Those about Erlang's runtime ask for what is not there:
 * Erlang-BEAM, Erlang-Distribution, Erlang-Memory-Allocators.
 */
const node = [
  'rabbitmq_build_info',
  'rabbitmq_channels',
  'rabbitmq_channels_closed_total',
  'rabbitmq_channels_opened_total',
  'rabbitmq_connections',
  'rabbitmq_connections_closed_total',
  'rabbitmq_connections_opened_total',
  'rabbitmq_consumers',
  'rabbitmq_disk_space_available_bytes',
  'rabbitmq_disk_space_available_limit_bytes',
  'rabbitmq_erlang_uptime_seconds',
  'rabbitmq_identity_info',
  'rabbitmq_process_max_fds',
  'rabbitmq_process_max_tcp_sockets',
  'rabbitmq_process_open_fds',
  'rabbitmq_process_open_tcp_sockets',
  'rabbitmq_process_resident_memory_bytes',
  'rabbitmq_queue_messages_ready',
  'rabbitmq_queue_messages_unacked',
  'rabbitmq_queues',
  'rabbitmq_queues_created_total',
  'rabbitmq_queues_declared_total',
  'rabbitmq_queues_deleted_total',
  'rabbitmq_resident_memory_limit_bytes',
];

/** RabbitMQ-Overview, as it has been since RabbitMQ 3.9. */
export const overview = [
  ...node,
  'rabbitmq_global_consumers',
  'rabbitmq_global_messages_acknowledged_total',
  'rabbitmq_global_messages_confirmed_total',
  'rabbitmq_global_messages_delivered_consume_auto_ack_total',
  'rabbitmq_global_messages_delivered_consume_manual_ack_total',
  'rabbitmq_global_messages_delivered_get_auto_ack_total',
  'rabbitmq_global_messages_delivered_get_manual_ack_total',
  'rabbitmq_global_messages_delivered_total',
  'rabbitmq_global_messages_get_empty_total',
  'rabbitmq_global_messages_received_confirm_total',
  'rabbitmq_global_messages_received_total',
  'rabbitmq_global_messages_redelivered_total',
  'rabbitmq_global_messages_routed_total',
  'rabbitmq_global_messages_unroutable_dropped_total',
  'rabbitmq_global_messages_unroutable_returned_total',
  'rabbitmq_global_publishers',
];

/** RabbitMQ-Overview of RabbitMQ 3.8, which many still have. */
export const olderOverview = [
  ...node,
  'rabbitmq_channel_get_ack_total',
  'rabbitmq_channel_get_empty_total',
  'rabbitmq_channel_get_total',
  'rabbitmq_channel_messages_acked_total',
  'rabbitmq_channel_messages_confirmed_total',
  'rabbitmq_channel_messages_delivered_ack_total',
  'rabbitmq_channel_messages_delivered_total',
  'rabbitmq_channel_messages_published_total',
  'rabbitmq_channel_messages_redelivered_total',
  'rabbitmq_channel_messages_unconfirmed',
  'rabbitmq_channel_messages_unroutable_dropped_total',
  'rabbitmq_channel_messages_unroutable_returned_total',
  'rabbitmq_queue_messages_published_total',
];

/** RabbitMQ-Quorum-Queues-Raft and RabbitMQ-Raft. */
export const raft = [
  'rabbitmq_raft_entry_commit_latency_seconds',
  'rabbitmq_raft_log_commit_index',
  'rabbitmq_raft_log_last_applied_index',
  'rabbitmq_raft_log_last_written_index',
  'rabbitmq_raft_log_snapshot_index',
  'rabbitmq_raft_term_total',
];

/** RabbitMQ-Stream: all of these with the label protocol="stream". */
export const stream = [
  'rabbitmq_global_consumers',
  'rabbitmq_global_messages_confirmed_total',
  'rabbitmq_global_messages_delivered_total',
  'rabbitmq_global_messages_received_confirm_total',
  'rabbitmq_global_messages_received_total',
  'rabbitmq_global_messages_routed_total',
  'rabbitmq_global_publishers',
  ...[
    'access_refused',
    'authentication_failure',
    'frame_too_large',
    'internal_error',
    'precondition_failed',
    'publisher_does_not_exist',
    'sasl_authentication_failure_loopback',
    'sasl_challenge',
    'sasl_error',
    'sasl_mechanism_not_supported',
    'stream_already_exists',
    'stream_does_not_exist',
    'stream_not_available',
    'subscription_id_already_exists',
    'subscription_id_does_not_exist',
    'unknown_frame',
    'vhost_access_failure',
  ].map((error) => `rabbitmq_global_stream_error_${error}_total`),
];
