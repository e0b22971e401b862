#pragma once
#include "actors/interfaces.hpp"
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(treadmill::write_documents)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(treadmill::commit_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(treadmill::open_bucket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(treadmill::remove_bucket)

CAF_BEGIN_TYPE_ID_BLOCK(treadmill, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(treadmill, (treadmill::write_documents))
CAF_ADD_TYPE_ID(treadmill, (treadmill::begin_generation))
CAF_ADD_TYPE_ID(treadmill, (treadmill::generation_begun))
CAF_ADD_TYPE_ID(treadmill, (treadmill::commit_batch))
CAF_ADD_TYPE_ID(treadmill, (treadmill::batch_done))
CAF_ADD_TYPE_ID(treadmill, (treadmill::batches_synced))
CAF_ADD_TYPE_ID(treadmill, (treadmill::make_bucket))
CAF_ADD_TYPE_ID(treadmill, (treadmill::drop_bucket))
CAF_ADD_TYPE_ID(treadmill, (treadmill::bucket_facts))
CAF_ADD_TYPE_ID(treadmill, (treadmill::activity_advanced))
CAF_ADD_TYPE_ID(treadmill, (treadmill::flush_batch))
CAF_ADD_TYPE_ID(treadmill, (treadmill::tick))
CAF_ADD_TYPE_ID(treadmill, (treadmill::bucket_started))
CAF_ADD_TYPE_ID(treadmill, (treadmill::bucket_stopped))
CAF_ADD_TYPE_ID(treadmill, (treadmill::open_bucket))
CAF_ADD_TYPE_ID(treadmill, (treadmill::remove_bucket))
CAF_END_TYPE_ID_BLOCK(treadmill)
