//! The class `FASTAPI\WebSocket\EventQueue` as PHP sees it: the declarations of all its members.
//!
//! It is final, so its methods have types, which [`crate::arguments`] checks.

mod batch;
mod given;
mod object;
mod publishing;
mod transactions;
mod uid_text;

use ext_php_rs::args::Arg;
use ext_php_rs::builders::{ClassBuilder, FunctionBuilder};
use ext_php_rs::class::RegisteredClass;
use ext_php_rs::flags::{ClassFlags, ConstantFlags, DataType, MethodFlags};

use crate::declaring;
use crate::native_object;
use given::{NAMES, PRIORITIES};
use object::{EventQueue, Queue};

/// Registers the class.
pub(crate) fn register() -> Result<(), ext_php_rs::error::Error> {
    let public = MethodFlags::Public;
    let method = |name: &str, handler| FunctionBuilder::new(name, handler);
    let optional = |name: &str, kind| Arg::new(name, kind).allow_null().default("null");
    let [event, payload, channel, ttl, priority, key, except] = NAMES;

    let mut class = ClassBuilder::new(EventQueue::CLASS_NAME).flags(ClassFlags::Final);
    for (name, value, _) in PRIORITIES {
        class = class.constant(name, value, &[], ConstantFlags::Public)?;
    }
    class
        .method(
            method("__construct", publishing::construct).not_required().arg(optional("path", DataType::String)),
            public,
        )
        .method(
            method("publish", publishing::publish)
                .arg(Arg::new(event, DataType::String))
                .not_required()
                .arg(Arg::new(payload, DataType::Mixed).default("null"))
                .arg(optional(channel, DataType::String))
                .arg(optional(ttl, DataType::Long))
                .arg(Arg::new(priority, DataType::String).default("self::NORMAL"))
                .arg(optional(key, DataType::String))
                .arg(optional(except, DataType::String))
                .returns(DataType::String, false, false),
            public,
        )
        .method(
            method("publishAll", publishing::publish_all).arg(Arg::new("events", DataType::Iterable)).returns(
                DataType::Array,
                false,
                false,
            ),
            public,
        )
        .method(method("begin", transactions::begin).returns(DataType::Void, false, false), public)
        .method(method("commit", transactions::commit).returns(DataType::Array, false, false), public)
        .method(method("rollback", transactions::rollback).returns(DataType::Void, false, false), public)
        .method(
            method("transaction", transactions::transaction).arg(Arg::new("do", DataType::Callable)).returns(
                DataType::Mixed,
                false,
                false,
            ),
            public,
        )
        .method(
            method("now", publishing::now).returns(DataType::String, false, false),
            MethodFlags::Public | MethodFlags::Static,
        )
        .registration(|class, parameters| {
            declaring::allow_array(class, "publish", 2);
            class.ce_flags |= ClassFlags::NoDynamicProperties.bits();
            native_object::install::<Queue>(class);
            EventQueue::get_metadata().set_ce(class);
            EventQueue::get_metadata().set_arg_info(parameters);
        })
        .register()
}
