/**
 * What the panels of RabbitMQ's published dashboards ask for. Those about Erlang's runtime, about Raft and about the
 * stream protocol ask for what is not there.
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
