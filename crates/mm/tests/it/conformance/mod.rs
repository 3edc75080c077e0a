//! What holds over every address space: the same test bodies, over each machine.
//!
//! A body may touch memory in two ways, as the program and as the kernel, and must not know which
//! machine it runs on.

mod contract;
mod copies;
mod faults;
mod forking;
mod huge;
mod kernel;
mod mapping;
mod presence;
mod protection;
mod script;
mod sharing;
mod showing;
mod teardown;

/// Makes a test of each body for one machine: a test needs a name of its own, which no function
/// can give it.
macro_rules! over {
    ($name:ident, $machine:ident, { $($group:ident: $($body:ident),+;)+ }) => {
        mod $name {
            $(mod $group {
                $(#[test]
                fn $body() {
                    crate::conformance::$group::$body::<crate::machine::$machine>();
                })+
            })+
        }
    };
}

/// Makes tests for each machine: of the bodies that expect to find shown what was shown once, and
/// of those that do not and hold on a machine that forgets, too.
macro_rules! suite {
    ({ $($lasting:tt)+ } { $($any:tt)+ }) => {
        over!(null, Null, { $($lasting)+ $($any)+ });
        over!(mirror, Mirror, { $($lasting)+ $($any)+ });
        over!(crowded, Crowded, { $($any)+ });
        #[cfg(target_arch = "x86_64")]
        over!(ptrace, Ptrace, { $($lasting)+ $($any)+ });
    };
}

suite!({
    contract:
        each_access_is_allowed_or_denied,
        a_mapping_replaces_what_was_there,
        unmapping_reaches_every_page,
        a_refusal_takes_what_was_there,
        bad_ranges_are_refused;
    showing:
        nothing_is_reached_after_it_was_unmapped,
        moved_pages_are_hidden_where_they_were;
} {
    mapping:
        new_memory_is_zeroed_and_seen_from_both_sides,
        a_mapping_replaces_what_it_overlaps,
        unmapping_a_part_leaves_the_rest,
        moved_pages_keep_their_contents,
        discarded_memory_is_zeroed,
        thousands_of_mappings_are_told_apart;
    presence:
        pages_are_present_once_they_are_touched,
        what_is_populated_is_present,
        whoever_touched_it_shared_memory_is_present,
        writes_after_a_fork_make_no_other_page_present,
        private_pages_of_an_object_are_its_own_until_copied;
    huge:
        what_is_advised_is_backed_by_huge_pages,
        advice_comes_before_the_first_touch,
        who_does_without_gets_no_huge_pages,
        one_page_of_a_huge_one_is_copied,
        pages_are_collapsed_with_what_they_hold,
        collapsing_concerns_no_relative,
        what_cannot_be_collapsed_says_why,
        shared_memory_is_collapsed_for_everyone,
        populating_gives_huge_pages;
    protection:
        each_protection_allows_what_it_says,
        a_lost_permission_is_lost_at_once,
        a_gained_permission_is_there_at_the_next_try,
        a_part_of_a_mapping_can_be_protected;
    faults:
        signals_name_the_first_bad_byte,
        what_lies_below_a_stack_becomes_stack,
        beyond_the_end_of_an_object_is_a_bus_error,
        a_host_file_that_shrinks_is_a_bus_error,
        pages_that_cannot_be_shown_are_bus_errors;
    copies:
        private_pages_show_the_object_until_they_are_written,
        two_programs_write_copies_of_their_own,
        a_copy_made_by_the_kernel_is_seen_by_the_program,
        every_page_can_be_copied_alone;
    forking:
        a_child_has_what_its_parent_had,
        writes_after_a_fork_are_the_writers_own,
        shared_memory_stays_shared;
    sharing:
        shared_pages_are_seen_by_everyone,
        shared_anonymous_memory_survives_its_protections,
        a_truncation_takes_pages_from_everyone,
        forgotten_translations_come_back;
    kernel:
        copies_stop_at_the_first_bad_byte,
        words_are_the_programs_own,
        protections_bind_the_kernel_too,
        streams_see_what_the_program_sees;
    teardown:
        everything_is_given_back,
        a_refused_mapping_changes_nothing,
        a_program_that_ends_shows_nothing;
    script:
        random_programs_see_what_a_table_says;
});
