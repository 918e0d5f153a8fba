//! What clients do.

use std::time::Duration;

use super::{ALL, World};
use crate::NoApplication;
use crate::hub::shard::ShardThread;
use crate::hub::shard::stepping::connect;
use crate::model::order::{CHANNELS, EVERYBODY};
use crate::model::page::Kind;
use crate::model::wire::{RESPONSE, Wire};
use crate::model::{Broken, Random};
use crate::protocol::{ClientKind, Opening, Wants, sse};

impl World {
    pub(super) fn connect(&mut self, index: usize, random: &mut Random) {
        let page = &mut self.pages[index];
        if page.connection.is_some() {
            return;
        }
        match random.below(8) {
            0 if page.kind != Kind::Plain => {
                let moment = if random.one_in(2) {
                    self.now.as_millis() as u64
                } else {
                    self.moments[random.below(self.moments.len())]
                };
                page.render(Duration::from_millis(moment), &self.order);
                let after = Some(format!("t.{moment}"));
                page.memory.moment.clone_from(&after);
                return self.open(index, after);
            }
            1 => page.saved = Some(page.memory.clone()),
            2 => {
                if let Some(saved) = &page.saved {
                    page.memory = saved.clone();
                }
            }
            _ => {}
        }
        let page = &self.pages[index];
        let after = page.url.first().and_then(|channel| page.memory.positions.get(channel)).cloned();
        self.open(index, after);
    }

    pub(super) fn open(&mut self, index: usize, after: Option<String>) {
        let Some(process) = &mut self.process else { return };
        let page = &mut self.pages[index];
        let channels = page.url.iter().filter_map(|channel| CHANNELS.get(*channel)?.parse().ok()).collect();
        let everybody = page.url.contains(&EVERYBODY);
        let is_native = page.kind == Kind::Native;
        let kind = match page.kind {
            Kind::Plain => ClientKind::Plain,
            _ => ClientKind::Channels { is_native, channels, everybody },
        };
        let wire = join(&process.shard, kind, page.kind == Kind::Sse, after.clone());
        page.opened(wire, after, process.all_plain.len());
    }

    pub(super) fn subscribe(&mut self, index: usize, channel: usize, with_position: bool) {
        let page = &mut self.pages[index];
        if !page.may_ask_for(channel) {
            return;
        }
        let position = page.memory.positions.get(&channel).or(page.memory.moment.as_ref()).cloned();
        page.ask_for(channel, position.as_deref().filter(|_| with_position));
    }

    pub(super) fn read(&mut self, page: usize, most: usize) -> Result<usize, Broken> {
        let plain = self.process.as_ref().map_or(&[][..], |process| &process.all_plain);
        self.pages[page].read(most, &self.order, plain, self.now)
    }

    /// Lets everything be written and read.
    pub(super) fn settle(&mut self) -> Result<(), Broken> {
        let mut quiet_turns = 0;
        while quiet_turns < 3 {
            self.turn();
            self.observe()?;
            let mut read = 0;
            for page in 0..self.pages.len() {
                read += self.read(page, ALL)?;
            }
            quiet_turns = if read == 0 { quiet_turns + 1 } else { 0 };
        }
        Ok(())
    }

    /// Clients have read what came before a process ended, or not.
    pub(super) fn lose_connections(&mut self, random: &mut Random) -> Result<(), Broken> {
        for page in 0..self.pages.len() {
            if random.one_in(2) {
                self.read(page, ALL)?;
            }
            self.pages[page].connection = None;
        }
        Ok(())
    }

    pub(super) fn lose_connections_of(
        &mut self,
        shard: ShardThread<NoApplication>,
        random: &mut Random,
    ) -> Result<(), Broken> {
        // What plain clients get now was published before.
        for page in 0..self.pages.len() {
            if self.pages[page].kind != Kind::Plain && random.one_in(2) {
                self.read(page, ALL)?;
            }
            self.pages[page].connection = None;
        }
        drop(shard);
        Ok(())
    }
}

/// A client that comes to a thread.
pub(super) fn join(shard: &ShardThread<NoApplication>, kind: ClientKind, is_sse: bool, after: Option<String>) -> Wire {
    let wants = Wants { kind, identity: None, after };
    let opening = match is_sse {
        true => Opening::Sse { form: sse::Form::default(), wants },
        false => Opening::WebSocket { received: Vec::new(), wants },
    };
    let (client, mut joining) = connect(opening).expect("a socket");
    joining.connection.response = RESPONSE.to_vec();
    shard.let_join(joining);
    Wire::new(client, is_sse)
}
