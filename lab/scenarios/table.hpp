// Every scenario's function, for the one table of them in table.cpp.
#pragma once

namespace calbox::lab {

class script;

void play_report_6_2(script& on);
void play_report_6_3(script& on);
void play_report_6_4(script& on);
void play_report_6_5(script& on);
void play_report_6_6(script& on);
void play_report_6_7(script& on);
void play_wan(script& on);
void play_long_absence(script& on);
void play_backup_rebuild(script& on);
void play_partition_matrix(script& on);
void play_availability(script& on);
void play_hostile_peer(script& on);
void play_open_event(script& on);
void play_strategy_change(script& on);
void play_flash_crowd(script& on);
void play_rendezvous_crash(script& on);

}  // namespace calbox::lab
